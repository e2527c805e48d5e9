//! One section of the settings: its fields, each with its documentation and default beside it.

use crate::config::setting::Raw;

/// What is known of a key without its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// Its name within the section.
    pub name: &'static str,
    /// Its documentation, a line each.
    pub docs: &'static [&'static str],
    /// Whether a reload applies it; else it needs a restart.
    pub live: bool,
}

/// What every section can do, so that layering, checking and explaining are written once.
pub(super) trait Section {
    /// The table's name in the file.
    fn name(&self) -> &'static str;
    /// Its keys, in the order of the struct.
    fn keys(&self) -> &'static [Key];
    /// Reads `raw` into the field `key`, which must be one of [`Section::keys`].
    fn set(&mut self, key: &str, raw: &Raw) -> Result<(), String>;
    /// The value of `key` as it may be shown.
    fn show(&self, key: &str) -> String;
}

macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $name:ident($section:literal) {
            $($(#[doc = $doc:literal])+ pub $field:ident: $type:ty = $default:expr; $([$min:literal to $max:literal])? $($live:ident)?)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl crate::config::section::Section for $name {
            fn name(&self) -> &'static str {
                $section
            }

            fn keys(&self) -> &'static [crate::config::section::Key] {
                &[$(crate::config::section::Key {
                    name: stringify!($field),
                    docs: &[$($doc),+],
                    live: section!(@live $($live)?),
                }),+]
            }

            fn set(&mut self, key: &str, raw: &crate::config::setting::Raw) -> Result<(), String> {
                match key {
                    $(stringify!($field) => {
                        let value = <$type as crate::config::setting::Setting>::read(raw)?;
                        $(crate::config::setting::within(value, $min, $max)?;)?
                        self.$field = value;
                        Ok(())
                    })+
                    _ => Err("there is no such key".to_owned()),
                }
            }

            fn show(&self, key: &str) -> String {
                match key {
                    $(stringify!($field) => crate::config::setting::Setting::show(&self.$field),)+
                    _ => String::new(),
                }
            }
        }
    };
    (@live live) => { true };
    (@live) => { false };
}
