pub mod get;
pub mod lost_calls;
pub mod next;
pub mod profile;
pub mod queue;
pub mod status;
