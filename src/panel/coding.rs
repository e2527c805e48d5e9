//! Chooses the coding a file is sent in, by the client's `Accept-Encoding` (RFC 9110 §12.5.3).

use http::{HeaderMap, header};

use crate::panel::quality::{self, Quality};

/// How the bytes of a file are written, from what is chosen last among equals to what is chosen first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Coding {
    /// As the file is.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
}

impl Coding {
    /// As `Content-Encoding` has it.
    pub(super) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }
}

/// What a client said of each coding.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    brotli: Option<Quality>,
    gzip: Option<Quality>,
    identity: Option<Quality>,
    /// `*`: each coding that was not named.
    any: Option<Quality>,
}

impl Accepted {
    /// Reads the request's headers. Named twice, a coding has the lesser weight, so that a refusal holds.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut accepted = Self::default();
        for (name, quality) in quality::listed(headers, &header::ACCEPT_ENCODING) {
            if let Some(kept) = accepted.named(name) {
                *kept = Some(kept.map_or(quality, |before| before.min(quality)));
            }
        }
        accepted
    }

    fn named(&mut self, name: &str) -> Option<&mut Option<Quality>> {
        let is = |coding: &str| name.eq_ignore_ascii_case(coding);
        if is("br") {
            Some(&mut self.brotli)
        } else if is("gzip") || is("x-gzip") {
            Some(&mut self.gzip)
        } else if is("identity") {
            Some(&mut self.identity)
        } else if is("*") {
            Some(&mut self.any)
        } else {
            None
        }
    }

    /// The coding the client wants most of these. Identity where it wants none: also to who refuses even that, since
    /// an answer that may not be read helps more than none.
    pub(super) fn best(&self, offered: impl Iterator<Item = Coding>) -> Coding {
        let weighed = offered.map(|coding| (self.quality(coding), coding));
        weighed.filter(|(quality, _)| *quality > 0).max().map_or(Coding::Identity, |(_, coding)| coding)
    }

    fn quality(&self, coding: Coding) -> Quality {
        let named = match coding {
            Coding::Identity => self.identity,
            Coding::Gzip => self.gzip,
            Coding::Brotli => self.brotli,
        };
        named.or(self.any).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};
    use proptest::prelude::*;

    use super::{Accepted, Coding};

    const ALL: [Coding; 3] = [Coding::Identity, Coding::Gzip, Coding::Brotli];

    fn asked(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_bytes(text.as_bytes()).unwrap())])
    }

    fn best(text: &str, offered: &[Coding]) -> Coding {
        Accepted::read(&asked(text)).best(offered.iter().copied())
    }

    #[test]
    fn the_client_gets_what_it_wants_most_and_the_smaller_of_equals() {
        for (text, expected) in [
            ("gzip, deflate, br, zstd", Coding::Brotli),
            ("br;q=0.1, gzip", Coding::Gzip),
            ("gzip;q=0.5, br;q=0.5, identity;q=0.5", Coding::Brotli),
            ("identity, br;q=0.9", Coding::Identity),
            ("GZIP", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("*", Coding::Brotli),
            ("*;q=0.2, gzip;q=0.3", Coding::Gzip),
            ("br;q=0, *", Coding::Gzip),
            ("br;q=0, gzip;q=0", Coding::Identity),
            ("br, br;q=0", Coding::Identity),
            ("*;q=0", Coding::Identity),
            ("identity;q=0", Coding::Identity),
            ("identity;q=0, gzip;q=0.001", Coding::Gzip),
            ("deflate, zstd", Coding::Identity),
            ("br;q=1.5, gzip;q=x", Coding::Identity),
            ("", Coding::Identity),
        ] {
            assert_eq!(best(text, &ALL), expected, "{text:?}");
        }
    }

    #[test]
    fn only_what_is_there_is_chosen() {
        assert_eq!(best("br, gzip;q=0.1", &ALL[..2]), Coding::Gzip);
        assert_eq!(best("br", &ALL[..1]), Coding::Identity);
    }

    #[test]
    fn who_says_nothing_gets_the_file_as_it_is_and_several_lines_are_one_list() {
        let mut headers = HeaderMap::new();
        assert_eq!(Accepted::read(&headers).best(ALL.into_iter()), Coding::Identity);

        headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static("br;q=0.9"));
        assert_eq!(Accepted::read(&headers).best(ALL.into_iter()), Coding::Gzip);
    }

    /// Names of the list with their weights in thousandths, none for a name that stands alone.
    fn list() -> impl Strategy<Value = Vec<(&'static str, Option<u16>)>> {
        let name = prop::sample::select(vec!["br", "gzip", "identity", "*", "deflate", "Br"]);
        prop::collection::vec((name, prop::option::of(0..=1000_u16)), 0..6)
    }

    fn written(list: &[(&str, Option<u16>)]) -> String {
        let element = |(name, weight): &(&str, Option<u16>)| match weight {
            Some(weight) => format!("{name};q={}.{:03}", weight / 1000, weight % 1000),
            None => (*name).to_owned(),
        };
        list.iter().map(element).collect::<Vec<_>>().join(", ")
    }

    /// What RFC 9110 says of one coding, told differently from how the code does it.
    fn weight(list: &[(&str, Option<u16>)], coding: Coding) -> u16 {
        let of = |wanted: &str| {
            let named = list.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            named.map(|(_, weight)| weight.unwrap_or(1000)).min()
        };
        let name = match coding {
            Coding::Identity => "identity",
            Coding::Gzip => "gzip",
            Coding::Brotli => "br",
        };
        of(name).or_else(|| of("*")).unwrap_or(0)
    }

    proptest! {
        #[test]
        fn the_order_of_the_list_does_not_count(list in list()) {
            let backwards: Vec<_> = list.iter().copied().rev().collect();

            prop_assert_eq!(best(&written(&list), &ALL), best(&written(&backwards), &ALL));
        }

        #[test]
        fn nothing_refused_is_chosen_and_nothing_wanted_more_is_left(list in list()) {
            let chosen = best(&written(&list), &ALL);

            for coding in ALL {
                prop_assert!(weight(&list, coding) <= weight(&list, chosen), "{coding:?} before {chosen:?}");
            }
            prop_assert!(chosen == Coding::Identity || weight(&list, chosen) > 0);
        }

        #[test]
        fn no_header_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]);

                prop_assert!(ALL.contains(&Accepted::read(&headers).best(ALL.into_iter())));
            }
        }
    }
}
