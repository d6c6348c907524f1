//! How the queues of a PBX name its phones.

use serde::Deserialize;

use crate::directory::MemberTemplate;
use crate::store::engine::{Transaction, query};
use crate::store::{StoreError, codec};

/// `member_template` of a PBX: a preset by its word, or a template of the house's own. An empty word takes it away.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "write freepbx, mikopbx, pjsip or sip, or a table with `interface`, `state_interface`, `member_name`"
)]
pub enum TemplateInput {
    /// A preset.
    Preset(String),
    /// The house's own.
    Own(MemberTemplate),
}

/// Writes it; nothing said changes nothing.
pub(in crate::store) async fn apply(
    tx: &mut Transaction,
    pbx: &str,
    input: Option<&TemplateInput>,
) -> Result<(), StoreError> {
    let template = match input {
        None => return Ok(()),
        Some(TemplateInput::Preset(word)) if word.is_empty() => None,
        Some(TemplateInput::Preset(word)) => Some(MemberTemplate::preset(word)),
        Some(TemplateInput::Own(template)) => Some(template.clone().checked()),
    };
    let template = template
        .transpose()
        .map_err(|why| StoreError::Input(format!("the member template of the PBX {pbx} cannot be taken: {why}")))?;
    query("UPDATE pbxs SET member_template = $1 WHERE name = $2")
        .bind(template.as_ref().map(codec::json).transpose()?)
        .bind(pbx)
        .execute(tx)
        .await?;
    Ok(())
}
