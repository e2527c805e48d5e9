//! What can be wrong with the audit's chain, in words for whoever has to look into it.

use std::fmt;

use uuid::Uuid;

/// The first thing that is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainFault {
    /// An event is not what was sealed.
    EventChanged {
        /// Its segment.
        segment: i64,
        /// Its place in the chain.
        position: i64,
        /// Which one.
        event: Uuid,
    },
    /// A sealed event is gone, though its segment was not pruned.
    EventMissing {
        /// Its segment.
        segment: i64,
        /// Its place in the chain.
        position: i64,
        /// Which one.
        event: Uuid,
    },
    /// An event says that it belongs to a segment which does not know it.
    EventInserted {
        /// The segment.
        segment: i64,
        /// Which one, as it stands in the database.
        event: String,
    },
    /// A segment's record is gone.
    SegmentMissing {
        /// Its number.
        segment: i64,
    },
    /// A segment's record does not agree with itself or with the one before.
    SegmentChanged {
        /// Its number.
        segment: i64,
    },
    /// A segment's record agrees with itself, but this service's key did not seal it.
    SegmentForged {
        /// Its number.
        segment: i64,
    },
    /// The digest that was kept elsewhere is nowhere in the chain.
    ExpectedMissing,
}

impl ChainFault {
    /// The name for programs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::EventChanged { .. } => "event_changed",
            Self::EventMissing { .. } => "event_missing",
            Self::EventInserted { .. } => "event_inserted",
            Self::SegmentMissing { .. } => "segment_missing",
            Self::SegmentChanged { .. } => "segment_changed",
            Self::SegmentForged { .. } => "segment_forged",
            Self::ExpectedMissing => "expected_missing",
        }
    }

    /// The segment it is in.
    pub const fn segment(&self) -> Option<i64> {
        match self {
            Self::EventChanged { segment, .. }
            | Self::EventMissing { segment, .. }
            | Self::EventInserted { segment, .. }
            | Self::SegmentMissing { segment }
            | Self::SegmentChanged { segment }
            | Self::SegmentForged { segment } => Some(*segment),
            Self::ExpectedMissing => None,
        }
    }

    /// The event, as it is named in the database or in its segment.
    pub fn event(&self) -> Option<String> {
        match self {
            Self::EventChanged { event, .. } | Self::EventMissing { event, .. } => Some(event.to_string()),
            Self::EventInserted { event, .. } => Some(event.clone()),
            Self::SegmentMissing { .. }
            | Self::SegmentChanged { .. }
            | Self::SegmentForged { .. }
            | Self::ExpectedMissing => None,
        }
    }

    /// The event's place in the chain.
    pub const fn position(&self) -> Option<i64> {
        match self {
            Self::EventChanged { position, .. } | Self::EventMissing { position, .. } => Some(*position),
            Self::EventInserted { .. }
            | Self::SegmentMissing { .. }
            | Self::SegmentChanged { .. }
            | Self::SegmentForged { .. }
            | Self::ExpectedMissing => None,
        }
    }
}

impl fmt::Display for ChainFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EventChanged { segment, position, event } => {
                write!(f, "event {event}, number {position} of the chain, in segment {segment}, was changed after it was sealed")
            }
            Self::EventMissing { segment, position, event } => {
                write!(f, "event {event}, number {position} of the chain, in segment {segment}, was removed")
            }
            Self::EventInserted { segment, event } => {
                write!(f, "event {event} was put into segment {segment} after that was sealed")
            }
            Self::SegmentMissing { segment } => write!(f, "segment {segment} was removed"),
            Self::SegmentChanged { segment } => {
                write!(f, "the record of segment {segment} was changed after it was sealed")
            }
            Self::SegmentForged { segment } => {
                write!(f, "segment {segment} was not sealed by this service: its seal is of another key")
            }
            Self::ExpectedMissing => f.write_str(
                "the digest that was kept elsewhere is nowhere in the chain: its end was cut off, or all of it was replaced",
            ),
        }
    }
}
