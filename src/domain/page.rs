//! Lists in pages: newest first, continued from a cursor.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A request for a page of a list.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest {
    /// Only rows before this one; `None` for the first page.
    pub before: Option<Uuid>,
    /// The most rows on the page, at least 1.
    pub limit: i64,
}

impl PageRequest {
    /// One row more than the page holds, which shows whether another page follows.
    pub fn fetch_limit(&self) -> i64 {
        self.limit + 1
    }
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// The rows, newest first.
    pub data: Vec<T>,
    /// Pass it as `cursor` for the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// From rows that were fetched with [`PageRequest::fetch_limit`] and are ordered by `id`.
    pub fn from_rows(mut rows: Vec<T>, request: PageRequest, id: impl Fn(&T) -> Uuid) -> Self {
        let limit = usize::try_from(request.limit).unwrap_or(1);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| id(row).to_string());
        Self { data: rows, next_cursor }
    }

    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { data: self.data.into_iter().map(convert).collect(), next_cursor: self.next_cursor }
    }
}

/// One page of a list. Rows that cannot be read are named and do not hide the others.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GappedPage<T> {
    /// The rows, newest first.
    pub data: Vec<T>,
    /// Ids of the rows of this page that are not in `data`, because their stored record cannot be read. The server's log
    /// names the value; for numbered records, so does `tillsight numbering check --deep`.
    pub unreadable: Vec<Uuid>,
    /// Pass it as `cursor` for the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_cursor_only_if_rows_remain() {
        let ids: Vec<Uuid> = (0..3).map(Uuid::from_u128).collect();
        let request = PageRequest { before: None, limit: 2 };
        let first = Page::from_rows(ids.clone(), request, |id| *id);
        assert_eq!((first.data.len(), first.next_cursor), (2, Some(ids[1].to_string())));
        let last = Page::from_rows(ids[2..].to_vec(), request, |id| *id);
        assert_eq!((last.data.len(), last.next_cursor), (1, None));
    }
}
