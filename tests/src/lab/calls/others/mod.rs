//! What else people do with telephones.

mod announced;
mod clicked;
mod conference;
mod direct;
mod forwarded;
mod held;
mod outgoing;
mod parked;
mod picked_up;
mod recorded;

use super::Scenario;

pub const SCENARIOS: &[Scenario] = &[
    picked_up::DIRECTED,
    picked_up::GROUP,
    parked::TAKEN,
    parked::COMES_BACK,
    forwarded::BY_PHONE,
    forwarded::BY_PHONE_IN_QUEUE,
    forwarded::BY_DIALPLAN,
    conference::ROOM,
    conference::BY_REDIRECT,
    conference::IN_PHONE,
    clicked::ANSWERED,
    clicked::REFUSED,
    clicked::UNANSWERED,
    clicked::CUSTOMER_UNANSWERED,
    held::BY_OPERATOR,
    held::BY_CUSTOMER,
    held::TOLD,
    announced::MENU_BACKGROUND,
    announced::MENU_READ,
    announced::CLOSED,
    announced::CALLBACK,
    announced::ANNOUNCEMENT,
    direct::ANSWERED,
    direct::UNANSWERED,
    direct::INTERNAL,
    outgoing::ANSWERED,
    outgoing::BUSY,
    outgoing::UNANSWERED,
    outgoing::GIVEN_UP,
    direct::ANONYMOUS,
    announced::WRONG_NUMBER,
    direct::UNKNOWN_NUMBER,
    conference::WHISPER,
    recorded::IN_PART,
    recorded::OUTGOING,
];
