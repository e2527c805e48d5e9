//! Boot settings: one file per TOML section, each default beside its field.
