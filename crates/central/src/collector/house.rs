//! What the collectors have to know of the house, from its configuration.

use std::sync::Arc;

use super::collecting::House;
use crate::directory::Directory;
use crate::store::{Attribute, AttributeSource, Configuration};

impl House {
    /// Of a configuration and the attribute catalogue.
    #[must_use]
    pub fn of(config: &Configuration, catalogue: &[Attribute]) -> Self {
        let directory = Arc::new(Directory::of(config));
        let federations = directory.federations().iter().map(|federation| federation.pbxs.iter().copied().collect());
        let variable = |attribute: &Attribute| match &attribute.source {
            AttributeSource::Variable(name) => Some(name.clone()),
            // Of a UserEvent all is told, and what the catalogue does not name is not stored.
            _ => None,
        };
        let attributes = catalogue.iter().filter_map(variable).collect();
        Self { federations: federations.collect(), directory, attributes }
    }
}
