import type { GridLocaleText } from '@mui/x-data-grid'
import type { TFunction } from 'i18next'

/** What the grid itself says, to the eye and to a screen reader. */
export function gridWords(t: TFunction): Partial<GridLocaleText> {
  return {
    noRowsLabel: t('list.noMatch'),
    columnHeaderSortIconLabel: t('list.sort'),
    checkboxSelectionHeaderName: t('list.choose'),
    checkboxSelectionSelectAllRows: t('list.chooseAll'),
    checkboxSelectionUnselectAllRows: t('list.chooseNone'),
    checkboxSelectionSelectRow: t('list.chooseRow'),
    checkboxSelectionUnselectRow: t('list.unchooseRow'),
  }
}
