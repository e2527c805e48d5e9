// Styles that are turned round for scripts that run from right to left. Fetched only for those: the turning weighs more
// than many a page.

import createCache from '@emotion/cache'
import rtlPlugin from '@mui/stylis-plugin-rtl'
import { prefixer } from 'stylis'

export const RTL_STYLES = createCache({ key: 'r', stylisPlugins: [prefixer, rtlPlugin] })
