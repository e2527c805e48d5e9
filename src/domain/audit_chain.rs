//! The audit as a chain: how an event is written as bytes, and what a segment holds. What a check can find is `audit_fault`'s.
//!
//! Invariant: the encodings never change under their version; whoever keeps a digest elsewhere compares it years later.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// SHA-256's output.
pub type Digest = [u8; 32];

/// What the first segment names as the one before.
pub const NOTHING_BEFORE: Digest = [0; 32];

/// A digest as people write it down: 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct DigestText(pub Digest);

/// A text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a digest: it has 64 hexadecimal digits")]
pub struct DigestError;

impl fmt::Display for DigestText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<DigestText> for String {
    fn from(digest: DigestText) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for DigestText {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut digest = [0; 32];
        if pairs.len() != digest.len() || !rest.is_empty() {
            return Err(DigestError);
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
            *byte = digit(*high).zip(digit(*low)).map(|(high, low)| high * 16 + low).ok_or(DigestError)?;
        }
        Ok(Self(digest))
    }
}

/// An event as the database holds it: texts and numbers as they are, so that a changed byte is a changed event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// The segment; `None` while it is not sealed.
    pub segment: Option<i64>,
    /// Names the event.
    pub id: String,
    /// When it happened, in unix milliseconds.
    pub at: i64,
    /// The columns that stay for as long as the event does, in the order of [`FIELDS`].
    pub fields: [Option<String>; FIELDS.len()],
    /// The personal column and the salt it is committed to with.
    pub source: Option<(String, Vec<u8>)>,
    /// The commitment that stays when the personal column is erased.
    pub source_digest: Option<Vec<u8>>,
}

/// The columns of an event that are sealed beside its id and time. The order is part of the encoding.
pub const FIELDS: [&str; 10] = [
    "actor_kind",
    "actor_id",
    "api_token_id",
    "action",
    "target_kind",
    "target_id",
    "outcome",
    "request_id",
    "before_state",
    "after_state",
];

impl SealedRow {
    /// The bytes that an event's digest is made of. `source` is the commitment to the personal column.
    ///
    /// Every field says whether it is there and how long it is, so no two different events are written alike.
    pub fn encode(&self, source: Option<&[u8]>, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(b"caspervpn audit event 1\0");
        field(out, Some(self.id.as_bytes()));
        out.extend_from_slice(&self.at.to_be_bytes());
        for text in &self.fields {
            field(out, text.as_ref().map(String::as_bytes));
        }
        field(out, source);
    }

    /// The bytes that the commitment to the personal column is made of: the salt, and what it hides.
    pub fn encode_source(source: &str, salt: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(b"caspervpn audit source 1\0");
        field(out, Some(salt));
        field(out, Some(source.as_bytes()));
    }
}

fn field(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => out.push(0),
        Some(bytes) => {
            out.push(1);
            out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
            out.extend_from_slice(bytes);
        }
    }
}

/// One event in a segment's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The event.
    pub id: Uuid,
    /// Its digest.
    pub digest: Digest,
}

impl Entry {
    /// Bytes of one entry in the list.
    pub const BYTES: usize = 16 + 32;

    /// The list as it is stored.
    pub fn write(entries: &[Self]) -> Vec<u8> {
        entries.iter().flat_map(|it| it.id.as_bytes().iter().chain(&it.digest).copied()).collect()
    }

    /// The list as it was stored; `None` for bytes that are none.
    pub fn read(bytes: &[u8]) -> Option<Vec<Self>> {
        let (entries, rest) = bytes.as_chunks::<{ Self::BYTES }>();
        if !rest.is_empty() {
            return None;
        }
        let read = |entry: &[u8; Self::BYTES]| {
            let (id, digest) = entry.split_at(16);
            Some(Self { id: Uuid::from_slice(id).ok()?, digest: digest.try_into().ok()? })
        };
        entries.iter().map(read).collect()
    }
}

/// A run of events that were sealed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Counts segments from 1.
    pub number: i64,
    /// Counts events from 1, over all segments.
    pub first_position: i64,
    /// How many events it holds.
    pub count: i64,
    /// When it was sealed, in unix milliseconds.
    pub sealed_at: i64,
    /// When its newest event happened.
    pub newest_at: i64,
    /// The digest of the segment before.
    pub previous: Digest,
    /// The digest of the list of events.
    pub entries_digest: Digest,
}

impl Segment {
    /// The bytes that the segment's digest is made of.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = b"caspervpn audit segment 1\0".to_vec();
        for number in [self.number, self.first_position, self.count, self.sealed_at, self.newest_at] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(&self.previous);
        out.extend_from_slice(&self.entries_digest);
        out
    }

    /// The position of the event after its last one.
    pub const fn next_position(&self) -> i64 {
        self.first_position.saturating_add(self.count)
    }
}

/// The newest segment: what is kept elsewhere and compared later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub number: i64,
    /// Its digest.
    pub digest: Digest,
}

#[cfg(test)]
mod tests {
    use super::{DigestText, Entry, FIELDS, SealedRow};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn text() -> impl Strategy<Value = Option<String>> {
        // Few letters, so that equal and shifted texts are common.
        proptest::option::of("[ab\u{0}\u{1}]{0,3}")
    }

    prop_compose! {
        fn row()(
            id in "[ab]{0,3}", at in -2_i64..2, fields in proptest::collection::vec(text(), FIELDS.len())
        ) -> SealedRow {
            let fields = fields.try_into().unwrap();
            SealedRow { segment: None, id, at, fields, source: None, source_digest: None }
        }
    }

    fn encoded(row: &SealedRow, source: Option<&[u8]>) -> Vec<u8> {
        let mut out = Vec::new();
        row.encode(source, &mut out);
        out
    }

    proptest! {
        #[test]
        fn no_two_different_events_are_written_alike(
            one in row(), other in row(),
            here in proptest::option::of("[ab]{0,2}"), there in proptest::option::of("[ab]{0,2}")
        ) {
            let (mine, yours) = (here.as_ref().map(String::as_bytes), there.as_ref().map(String::as_bytes));

            let same = encoded(&one, mine) == encoded(&other, yours);

            prop_assert_eq!(same, one == other && here == there);
        }

        #[test]
        fn a_text_that_moves_to_another_field_makes_another_event(row in row(), from in 0..FIELDS.len(), to in 0..FIELDS.len()) {
            let mut moved = row.clone();
            moved.fields.swap(from, to);

            prop_assert_eq!(encoded(&row, None) == encoded(&moved, None), row == moved);
        }

        #[test]
        fn no_two_different_commitments_are_written_alike(one in "[ab]{0,3}", salt in "[ab]{0,3}", other in "[ab]{0,3}", grain in "[ab]{0,3}") {
            let (mut mine, mut yours) = (Vec::new(), Vec::new());
            SealedRow::encode_source(&one, salt.as_bytes(), &mut mine);
            SealedRow::encode_source(&other, grain.as_bytes(), &mut yours);

            prop_assert_eq!(mine == yours, one == other && salt == grain);
        }
    }

    #[test]
    fn the_encoding_is_the_golden_one() {
        let mut fields = FIELDS.map(|name| Some(name.to_owned()));
        fields[1] = None;
        let row =
            SealedRow { segment: Some(9), id: "e".into(), at: 1, fields, source: None, source_digest: None };

        let written = encoded(&row, Some(b"c"));

        let hex: String = written.iter().map(|byte| format!("{byte:02x}")).collect();
        insta::assert_snapshot!("audit_event_encoding", hex);
    }

    #[test]
    fn a_digest_survives_its_text() {
        let text = "00ff".repeat(16);

        assert_eq!(DigestText::try_from(text.clone()).unwrap().to_string(), text);
        for bad in ["", "00", &"0g".repeat(32), &"0".repeat(63), &"é".repeat(32)] {
            assert!(DigestText::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_list_of_entries_reads_back_and_a_torn_one_does_not() {
        let entries =
            [1, 2].map(|n| Entry { id: Uuid::from_u128(n), digest: [u8::try_from(n).unwrap(); 32] });

        let bytes = Entry::write(&entries);

        assert_eq!(Entry::read(&bytes).unwrap(), entries);
        assert_eq!(Entry::read(&bytes[..bytes.len() - 1]), None);
    }
}
