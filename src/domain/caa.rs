//! What the CAA records of a name say of an authority: RFC 8659 and RFC 8657.

use crate::domain::certificate::{CertificateName, Method};

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaaRecord {
    /// Whether who does not know the property must not issue.
    pub is_critical: bool,
    /// The property, in any case.
    pub tag: String,
    /// What it says.
    pub value: String,
}

/// What the records say of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// Nothing speaks against it.
    Free,
    /// It may come to nothing, for this reason.
    Doubtful(String),
    /// The authority would have to refuse it, for this reason.
    Forbidden(String),
}

/// Judges an order for `name` by the records found `at` it or above, at an authority that goes by `identities`, with a proof by
/// `method`.
pub fn judge(
    name: &CertificateName,
    at: &str,
    records: &[CaaRecord],
    identities: &[String],
    method: Method,
) -> Ruling {
    // One that gives itself no name cannot be told from others.
    let Some(identity) = identities.first() else { return Ruling::Free };
    let has = |record: &CaaRecord, tag: &str| record.tag.eq_ignore_ascii_case(tag);
    let is_known = |record: &CaaRecord| KNOWN.iter().any(|tag| has(record, tag));
    if let Some(odd) = records.iter().find(|record| record.is_critical && !is_known(record)) {
        return Ruling::Forbidden(format!(
            "a CAA record of {at} has the critical property {:?}, which authorities do not know, so none may issue for {name}; take \
             it away",
            odd.tag
        ));
    }
    let of = |tag| records.iter().filter(move |record| has(record, tag)).collect::<Vec<_>>();
    let wild = if name.is_wildcard() { of(ISSUE_WILD) } else { Vec::new() };
    let (tag, relevant) = if wild.is_empty() { (ISSUE, of(ISSUE)) } else { (ISSUE_WILD, wild) };
    if relevant.is_empty() {
        return Ruling::Free;
    }
    let issues: Vec<Issue<'_>> = relevant.into_iter().map(|record| Issue::parse(&record.value)).collect();
    let ours =
        |issue: &&Issue<'_>| identities.iter().any(|identity| identity.eq_ignore_ascii_case(issue.who));
    let mut own = issues.iter().filter(ours).peekable();
    if own.peek().is_none() {
        let named: Vec<_> = issues.iter().map(|issue| issue.who).filter(|who| !who.is_empty()).collect();
        let who = if named.is_empty() { "nobody".to_owned() } else { format!("only {}", named.join(", ")) };
        return Ruling::Forbidden(format!(
            "the CAA records of {at} let {who} issue for {name}, and the authority is {identity}; add `{at}. CAA 0 {tag} \
             \"{identity}\"` or choose another authority"
        ));
    }
    let doubts: Option<Vec<String>> = own.map(|issue| issue.doubt(name, at, method)).collect();
    doubts.and_then(|doubts| doubts.into_iter().next()).map_or(Ruling::Free, Ruling::Doubtful)
}

/// The value of an `issue` or `issuewild` property.
struct Issue<'a> {
    who: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Issue<'a> {
    fn parse(value: &'a str) -> Self {
        let mut parts = value.split(';');
        let who = parts.next().unwrap_or_default().trim().trim_end_matches('.');
        let pair = |part: &'a str| part.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
        Self { who, parameters: parts.filter_map(pair).collect() }
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        let mut named = self.parameters.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| *value)
    }

    /// What the authority may stumble over: the account is its to know, and not every authority looks at the parameters.
    fn doubt(&self, name: &CertificateName, at: &str, method: Method) -> Option<String> {
        let methods = self.parameter("validationmethods");
        let is_other = |methods: &&str| !methods.split(',').any(|it| it.trim() == method.as_str());
        if let Some(methods) = methods.filter(is_other) {
            return Some(format!(
                "the CAA record of {at} lets {name} be proven by {methods} only, and the settings say {}; change one of them",
                method.as_str()
            ));
        }
        let account = self.parameter("accounturi")?;
        Some(format!(
            "the CAA record of {at} lets only the account {account} order for {name}; see that it is this service's"
        ))
    }
}

const ISSUE: &str = "issue";

const ISSUE_WILD: &str = "issuewild";

/// Those that authorities know: the three of RFC 8659, and those for mail (RFC 9495) and marks, which say nothing of us.
const KNOWN: [&str; 7] =
    [ISSUE, ISSUE_WILD, "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"];

#[cfg(test)]
mod tests {
    use super::{CaaRecord, Ruling, judge};
    use crate::domain::certificate::Method;

    fn ruling(name: &str, records: &[(&str, &str)]) -> Ruling {
        let record = |(tag, value): &(&str, &str)| CaaRecord {
            is_critical: tag.starts_with('!'),
            tag: tag.trim_start_matches('!').to_owned(),
            value: (*value).to_owned(),
        };
        let records: Vec<_> = records.iter().map(record).collect();
        let identities = ["ca.example".to_owned(), "old-ca.example".to_owned()];
        judge(&name.parse().unwrap(), "example.org", &records, &identities, Method::Http01)
    }

    fn forbids(name: &str, records: &[(&str, &str)], what: &str) {
        let found = ruling(name, records);
        assert!(matches!(&found, Ruling::Forbidden(why) if why.contains(what)), "{found:?}");
    }

    #[test]
    fn whoever_is_named_may_and_others_may_not() {
        let name = "vpn.example.org";
        assert_eq!(ruling(name, &[]), Ruling::Free);
        assert_eq!(ruling(name, &[("iodef", "mailto:ops@example.org")]), Ruling::Free);
        assert_eq!(ruling(name, &[("issue", "other.example"), ("ISSUE", " Old-CA.example ")]), Ruling::Free);
        forbids(
            name,
            &[("issue", "other.example"), ("issue", "third.example")],
            "only other.example, third.example",
        );
        forbids(name, &[("issue", ";")], "nobody issue for vpn.example.org");
        forbids(name, &[("issue", "other.example")], "add `example.org. CAA 0 issue \"ca.example\"`");
        forbids(name, &[("!tbs", "x"), ("issue", "ca.example")], "critical property \"tbs\"");
        assert_eq!(ruling(name, &[("!issue", "ca.example"), ("tbs", "x")]), Ruling::Free);
    }

    #[test]
    fn a_star_goes_by_its_own_property_where_there_is_one() {
        assert_eq!(ruling("*.example.org", &[("issue", "ca.example")]), Ruling::Free);
        forbids("*.example.org", &[("issue", "ca.example"), ("issuewild", ";")], "nobody");
        assert_eq!(ruling("example.org", &[("issue", "ca.example"), ("issuewild", ";")]), Ruling::Free);
        assert_eq!(ruling("*.example.org", &[("issue", ";"), ("issuewild", "ca.example")]), Ruling::Free);
        assert_eq!(ruling("vpn.example.org", &[("issuewild", ";")]), Ruling::Free);
    }

    #[test]
    fn what_only_the_authority_can_judge_is_a_doubt() {
        let name = "vpn.example.org";
        let doubt = |records: &[(&str, &str)]| match ruling(name, records) {
            Ruling::Doubtful(why) => why,
            other @ (Ruling::Free | Ruling::Forbidden(_)) => panic!("{other:?}"),
        };
        assert!(doubt(&[("issue", "ca.example; validationmethods=dns-01")]).contains("by dns-01 only"));
        assert!(
            doubt(&[("issue", "ca.example;accounturi=https://ca.example/7")])
                .contains("https://ca.example/7")
        );
        assert_eq!(ruling(name, &[("issue", "ca.example; validationmethods=dns-01,http-01")]), Ruling::Free);
        let either = [("issue", "ca.example; accounturi=x"), ("issue", "ca.example")];
        assert_eq!(ruling(name, &either), Ruling::Free, "one that fits is enough");
    }
}
