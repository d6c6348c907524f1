//! What signing in needs to know of a person.

use central_api::{Role, User, UserId};

use super::engine::query;
use super::{Store, StoreError, apply::fold, codec};

impl Store {
    /// The person and the password hash.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn credentials(&self, username: &str) -> Result<Option<(User, String)>, StoreError> {
        let row: Option<(i64, String, String, String, String)> =
            query("SELECT id, username, display_name, role, password_hash FROM users WHERE username_folded = $1")
                .bind(fold(username))
                .fetch_optional(self.database())
                .await?;
        row.map(|(id, username, display_name, role, hash)| {
            let role: Role = codec::from_word(role)?;
            Ok((User { id: UserId(id), username, display_name, role }, hash))
        })
        .transpose()
    }
}
