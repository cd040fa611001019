//! Lists in pages: newest first, continued from a cursor.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest {
    /// Rows older than this one; nothing for the first page.
    pub before: Option<Uuid>,
    /// How many rows at most, at least 1.
    pub limit: i64,
}

impl PageRequest {
    /// How many rows to fetch: one more than the page holds tells whether another page follows.
    pub fn probe(&self) -> i64 {
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
    /// Makes a page of `rows`, which were fetched with [`PageRequest::probe`]; `id` is what a row is ordered by.
    pub fn cut(mut rows: Vec<T>, request: PageRequest, id: impl Fn(&T) -> Uuid) -> Self {
        let limit = usize::try_from(request.limit).unwrap_or(1);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| id(row).to_string());
        Self { data: rows, next_cursor }
    }

    /// The same page with each row shown in another form.
    pub fn map<U>(self, show: impl FnMut(T) -> U) -> Page<U> {
        Page { data: self.data.into_iter().map(show).collect(), next_cursor: self.next_cursor }
    }
}

/// One page of a list of which not every row could be read: what cannot be shown is named and hides nothing beside it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GappedPage<T> {
    /// The rows, newest first.
    pub data: Vec<T>,
    /// Identifiers of this page's rows that are missing from `data`, since what is stored of them cannot be read. The
    /// server's log says which value it is; of numbered records `tillsight numbering check --deep` tells too.
    pub unreadable: Vec<Uuid>,
    /// Pass it as `cursor` for the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_given_only_while_rows_remain() {
        let ids: Vec<Uuid> = (0..3).map(Uuid::from_u128).collect();
        let request = PageRequest { before: None, limit: 2 };
        let first = Page::cut(ids.clone(), request, |id| *id);
        assert_eq!((first.data.len(), first.next_cursor), (2, Some(ids[1].to_string())));
        let last = Page::cut(ids[2..].to_vec(), request, |id| *id);
        assert_eq!((last.data.len(), last.next_cursor), (1, None));
    }
}
