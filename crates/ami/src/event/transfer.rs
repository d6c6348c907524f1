//! Transfers and parking.

use super::read::{flag, number, plain, said, text};
use super::{ChannelInfo, Named, before_12};
use crate::Message;

/// A call is handed on without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlindTransfer<'m> {
    /// Whether it came about, as far as the transferer is concerned.
    pub success: bool,
    /// Who hands over.
    pub transferer: ChannelInfo<'m>,
    /// Who is handed over, when that is one channel.
    pub transferee: Option<ChannelInfo<'m>>,
    /// Where they talked.
    pub bridge: Option<&'m str>,
    /// Where to.
    pub context: &'m str,
    /// Where to.
    pub exten: &'m str,
}

impl<'m> BlindTransfer<'m> {
    pub(super) fn read(m: &'m Message) -> Option<Self> {
        Some(Self {
            success: m.get("Result").is_none_or(|result| result.eq_ignore_ascii_case("success")),
            transferer: ChannelInfo::read(m, "Transferer")?,
            transferee: ChannelInfo::read(m, "Transferee"),
            bridge: text(m, "BridgeUniqueid"),
            context: plain(m, "Context"),
            exten: plain(m, "Extension"),
        })
    }
}

/// Two calls of one phone are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttendedTransfer<'m> {
    /// Whether it came about.
    pub success: bool,
    /// The phone's channel to who is handed over.
    pub original: ChannelInfo<'m>,
    /// The phone's channel to the target.
    pub second: ChannelInfo<'m>,
    /// Who is handed over.
    pub transferee: Option<ChannelInfo<'m>>,
    /// To whom.
    pub target: Option<ChannelInfo<'m>>,
    /// `Bridge`, `App`, `Link`, `Threeway` or `Fail`.
    pub dest_type: &'m str,
    /// Bridge where they meet.
    pub dest_bridge: Option<&'m str>,
    /// Application of the target, when it is no phone.
    pub dest_app: Option<&'m str>,
    /// Bridge of the first call.
    pub original_bridge: Option<&'m str>,
    /// Bridge of the second call.
    pub second_bridge: Option<&'m str>,
}

impl<'m> AttendedTransfer<'m> {
    pub(super) fn read(m: &'m Message) -> Option<Self> {
        Some(Self {
            success: m.get("Result").is_none_or(|result| result.eq_ignore_ascii_case("success")),
            original: ChannelInfo::read(m, "OrigTransferer")?,
            second: ChannelInfo::read(m, "SecondTransferer")?,
            transferee: ChannelInfo::read(m, "Transferee"),
            target: ChannelInfo::read(m, "TransferTarget"),
            dest_type: plain(m, "DestType"),
            dest_bridge: text(m, "DestBridgeUniqueid"),
            dest_app: text(m, "DestApp"),
            original_bridge: text(m, "OrigBridgeUniqueid"),
            second_bridge: text(m, "SecondBridgeUniqueid"),
        })
    }
}

/// A parked call: parked, taken, given up or timed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parked<'m> {
    /// Who waits.
    pub parkee: ChannelInfo<'m>,
    /// Who parked, as a dial string such as `PJSIP/1001`.
    pub parker: Option<&'m str>,
    /// Who took it.
    pub retriever: Option<Named<'m>>,
    /// Lot.
    pub lot: Option<&'m str>,
    /// Place in the lot.
    pub space: Option<&'m str>,
    /// Until it comes back, s.
    pub timeout_s: Option<u64>,
    /// Only said again in a list.
    pub listed: bool,
}

impl<'m> Parked<'m> {
    pub(super) fn read(m: &'m Message) -> Option<Self> {
        let listed = m.get("EventList").is_some_and(flag) || m.action_id().is_some();
        let Some(parkee) = ChannelInfo::read(m, "Parkee") else { return before_12::parked(m, listed) };
        Some(Self {
            parkee,
            parker: said(m, "ParkerDialString"),
            retriever: ChannelInfo::read(m, "Retriever").map(Named::full),
            lot: said(m, "Parkinglot").or_else(|| said(m, "ParkingLot")),
            space: said(m, "ParkingSpace"),
            timeout_s: number(m, "ParkingTimeout"),
            listed,
        })
    }
}
