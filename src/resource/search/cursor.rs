//! Where a page ends.

use crate::fhir::types::Id;

/// Where a page ends; the next one begins after it. Holds an id and times: seal the bytes before they leave.
///
/// # Design
/// It holds every value that a result can be sorted by, so it means something under each sort. `horizon` is the last key that
/// existed when the first page was read: what arrives later is left out of the pages that follow, so that a slow reader
/// comes to an end. A resource that is updated keeps its key and its place; only if the very value that the result is
/// sorted by changes can it be met twice or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) first: i64,
    pub(super) second: i64,
    pub(super) updated: i64,
    pub(super) key: i64,
    pub(super) horizon: i64,
    pub(super) id: Id,
}

impl Cursor {
    pub fn to_bytes(&self) -> Vec<u8> {
        let numbers = [self.first, self.second, self.updated, self.key, self.horizon];
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        bytes.extend_from_slice(self.id.as_str().as_bytes());
        bytes
    }

    /// `None` if the bytes are not from [`Cursor::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (numbers, id) = bytes.split_at_checked(40)?;
        let (numbers, _) = numbers.as_chunks::<8>();
        let at = |place: usize| i64::from_be_bytes(numbers[place]);
        Some(Self {
            first: at(0),
            second: at(1),
            updated: at(2),
            key: at(3),
            horizon: at(4),
            id: Id::parse(str::from_utf8(id).ok()?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let cursor = Cursor {
            first: i64::MIN,
            second: 0,
            updated: -1,
            key: 7,
            horizon: i64::MAX,
            id: Id::parse("a-1").unwrap(),
        };
        let bytes = cursor.to_bytes();
        assert_eq!(Cursor::from_bytes(&bytes), Some(cursor));
        assert_eq!(Cursor::from_bytes(&bytes[..40]), None);
        assert_eq!(Cursor::from_bytes(&bytes[..12]), None);
        assert_eq!(Cursor::from_bytes(&[&bytes[..], b"/"].concat()), None);
    }
}
