//! The PBXs that scenarios are played on, and the world around them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};

use super::{Recorder, Scenario, office};
use crate::lab::{Lab, Pbx, PbxSettings, SHORT, Station, Version, until};

/// How queues ring their members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `PJSIP/101`.
    Pjsip,
    /// `Local/101@operators/n` with `PJSIP/101` as state interface.
    Local,
}

impl Kind {
    /// For files and the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pjsip => "pjsip",
            Self::Local => "local",
        }
    }
}

/// One of the two PBXs, which a trunk joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    A,
    B,
}

impl Site {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// Its name in files.
    pub fn word(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// First digit of its phones.
    pub fn digit(self) -> u8 {
        match self {
            Self::A => 1,
            Self::B => 2,
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Where it is on the wire.
    pub fn address(self) -> IpAddr {
        Ipv4Addr::new(127, 0, 0, if self == Self::A { 1 } else { 3 }).into()
    }

    /// Where its part of the world is.
    fn world(self) -> SocketAddr {
        SocketAddr::new(Ipv4Addr::new(127, 0, 0, if self == Self::A { 2 } else { 4 }).into(), 5080)
    }

    fn settings(self, kind: Kind, scenarios: &[&Scenario]) -> PbxSettings {
        PbxSettings {
            name: format!("pbx-{}", self.word()),
            address: self.address(),
            ami: if self == Self::A { 5038 } else { 5039 },
            rtp: if self == Self::A { (10_000, 13_999) } else { (14_000, 15_999) },
            customer_address: self.world().ip(),
            customer_port: self.world().port(),
            files: office::files(self, kind, scenarios),
            ..PbxSettings::default()
        }
    }
}

/// A PBX and the far end of its trunk to the world.
#[derive(Debug)]
pub struct House {
    /// The PBX.
    pub pbx: Pbx,
    /// Whoever has a number outside.
    pub world: Arc<Station>,
}

impl House {
    async fn open(lab: &Lab, site: Site, version: Version, kind: Kind, scenarios: &[&Scenario]) -> Result<Self> {
        let pbx = Pbx::start_with(lab, version, site.settings(kind, scenarios)).await?;
        let world = Station::open(site.world(), pbx.sip()).await?;
        Ok(Self { pbx, world })
    }

    /// Hangs up whatever a scenario left behind that did not go as it should. A PBX that does not answer is left alone.
    pub async fn clear(&self) -> Result<()> {
        let tap = self.pbx.tap();
        let clear = async {
            let left = tap.action("CoreShowChannels", &[]).await?;
            for channel in left.iter().filter_map(|event| event.get("Channel")) {
                // It may be gone with the one before.
                let _ = tap.action("Hangup", &[("Channel", channel)]).await;
            }
            Ok(())
        };
        tokio::time::timeout(SHORT, clear).await.context("the PBX hangs up nobody any more")?
    }

    /// Waits until nobody calls anybody.
    pub async fn empty(&self) -> Result<()> {
        let mut left = Vec::new();
        let gone = until("all channels are gone", SHORT, async || {
            let list = self.pbx.tap().action("CoreShowChannels", &[]).await.ok()?;
            left = list.into_iter().filter(|event| event.is("CoreShowChannel")).collect();
            left.is_empty().then_some(())
        });
        gone.await.with_context(|| format!("left: {left:#?}"))
    }

    /// A recording from now on.
    pub async fn record(&self) -> Result<Recorder> {
        Recorder::start(self.pbx.ami(), "linedesk", "linedesk-ami").await
    }

    /// Says into all recordings of this PBX where a scenario begins or ends: an event of whoever uses the manager interface,
    /// which an assembly of calls passes over.
    pub async fn mark(&self, scenario: &str, phase: &str) -> Result<()> {
        let fields = [("UserEvent", "LabScenario"), ("Scenario", scenario), ("Phase", phase)];
        self.pbx.tap().action("UserEvent", &fields).await.map(drop)
    }
}

/// One PBX, or two joined by a trunk, with the offices of some scenarios.
#[derive(Debug)]
pub struct Hall {
    /// The one that most scenarios need.
    pub a: House,
    /// The other one, if any scenario needs it.
    pub b: Option<House>,
    /// Which Asterisk they are.
    pub version: Version,
    /// How queues ring.
    pub kind: Kind,
}

impl Hall {
    /// Starts what the scenarios need.
    pub async fn open(lab: &Lab, version: Version, kind: Kind, scenarios: &[&Scenario]) -> Result<Arc<Self>> {
        let house = |site| House::open(lab, site, version, kind, scenarios);
        let b = async {
            match scenarios.iter().any(|scenario| scenario.office.needs_b()) {
                true => house(Site::B).await.map(Some),
                false => Ok(None),
            }
        };
        let (a, b) = tokio::try_join!(house(Site::A), b)?;
        Ok(Arc::new(Self { a, b, version, kind }))
    }

    /// All houses with their places.
    pub fn houses(&self) -> impl Iterator<Item = (Site, &House)> {
        [(Site::A, Some(&self.a)), (Site::B, self.b.as_ref())]
            .into_iter()
            .filter_map(|(site, house)| Some((site, house?)))
    }
}
