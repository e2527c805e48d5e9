// How everything looks, in both colour schemes. Colours are the ones of the icon; every pair of text and ground keeps
// the contrast of WCAG 2.2 AA (1.4.3), which axe checks on every page.

import { createTheme, type Theme } from '@mui/material/styles'

const FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'Liberation Sans', Vazirmatn, Arial, sans-serif"

export function makeTheme(direction: 'ltr' | 'rtl'): Theme {
  return createTheme({
    direction,
    cssVariables: { colorSchemeSelector: 'data-scheme' },
    colorSchemes: {
      light: {
        palette: {
          primary: { main: '#3355dd' },
          secondary: { main: '#5b4bb7' },
          success: { main: '#1b6e3c' },
          warning: { main: '#8a5300' },
          error: { main: '#b3261e' },
          info: { main: '#0b5f8a' },
          text: { primary: '#1a2033', secondary: '#515b73' },
          background: { default: '#f3f5fa', paper: '#ffffff' },
          divider: '#dde2ee',
        },
      },
      dark: {
        palette: {
          primary: { main: '#9db1ff' },
          secondary: { main: '#c4b8ff' },
          success: { main: '#7fd6a0' },
          warning: { main: '#ffc46b' },
          error: { main: '#ffb4ab' },
          info: { main: '#8fd0f5' },
          text: { primary: '#e9ecf5', secondary: '#aab3c8' },
          background: { default: '#10131c', paper: '#181d29' },
          divider: '#2c3447',
        },
      },
    },
    shape: { borderRadius: 10 },
    typography: {
      fontFamily: FONT,
      h1: { fontSize: '1.5rem', fontWeight: 650, lineHeight: 1.3 },
      h2: { fontSize: '1.125rem', fontWeight: 650, lineHeight: 1.4 },
      h3: { fontSize: '1rem', fontWeight: 650 },
      button: { textTransform: 'none', fontWeight: 600 },
    },
    components: {
      MuiButton: { defaultProps: { disableElevation: true } },
      MuiPaper: { defaultProps: { elevation: 0 }, styleOverrides: { root: { backgroundImage: 'none' } } },
      MuiCard: { defaultProps: { variant: 'outlined' } },
      MuiTextField: { defaultProps: { fullWidth: true, size: 'small' } },
      MuiFormControl: { defaultProps: { size: 'small' } },
      MuiTooltip: { defaultProps: { arrow: true, enterTouchDelay: 0 } },
      MuiLink: { defaultProps: { underline: 'hover' } },
      MuiDialog: { defaultProps: { fullWidth: true, maxWidth: 'sm' } },
    },
  })
}
