// An operation's id in two parts, as `node_network_create`: the noun that it is about, and what is done. Their words are
// the texts of `actions`.

export interface ActionWords {
  noun: string
  verb: string
}

/** Nouns of more than one word; any other is the first word. */
const LONG = ['node_network', 'api_token', 'identity_provider', 'webhook_delivery', 'master_key', 'setup_link', 'password_reset']

export function actionWords(action: string): ActionWords {
  // A delivery is what is sent again.
  if (action === 'webhook_redeliver') return { noun: 'webhook_delivery', verb: 'redeliver' }
  const noun = LONG.find((each) => action.startsWith(`${each}_`)) ?? action.split('_')[0] ?? action
  return { noun, verb: action.slice(noun.length + 1) || 'act' }
}

/** Operations by their noun, in the order they came in. */
export function byNoun<Action extends string>(actions: readonly Action[]): [noun: string, actions: Action[]][] {
  const groups = new Map<string, Action[]>()
  for (const action of actions) {
    const { noun } = actionWords(action)
    groups.set(noun, [...(groups.get(noun) ?? []), action])
  }
  return [...groups]
}
