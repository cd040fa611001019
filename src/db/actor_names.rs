//! Names of the people and kiosks that records name by label.

use std::collections::HashMap;

use super::{DatabaseError, Reader, kiosks, users};

/// The name of each label among `labels` ([`crate::domain::Actor::label`]) that is a person's or a kiosk's.
pub async fn list(
    reader: &mut Reader,
    labels: impl Iterator<Item = &str>,
) -> Result<HashMap<String, String>, DatabaseError> {
    let mut names = HashMap::new();
    for label in labels {
        if names.contains_key(label) {
            continue;
        }
        let name = match label.split_once(':') {
            Some(("user", id)) => match id.parse() {
                Ok(id) => users::find(reader, id).await?.map(|user| user.username),
                Err(_) => None,
            },
            Some(("kiosk", id)) => match id.parse() {
                Ok(id) => kiosks::find_name(reader, id).await?,
                Err(_) => None,
            },
            Some(_) | None => None,
        };
        if let Some(name) = name {
            names.insert(label.to_owned(), name);
        }
    }
    Ok(names)
}
