//! What a person may choose about sound.

use softphone_api::sound::MOST_VOLUME;
use softphone_api::{DeviceChoice, SoundSettings};

use super::device::usable_name;

/// More devices than that ring nowhere.
const MOST_RING: usize = 8;
/// Devices that a person has ever set a volume of.
const MOST_VOLUMES: usize = 256;
/// A shorter reminder of a held call would never stop.
const SHORTEST_REMINDER_S: u16 = 5;

/// Whether everything in it can be done, and if not, what cannot.
pub(super) fn check(settings: &SoundSettings) -> Result<(), String> {
    let named = |what: &str, choice: &DeviceChoice| match choice {
        DeviceChoice::Device { name } if !usable_name(name) => {
            Err(format!("{name:?} cannot be the name of a {what}: at most 256 bytes without control characters"))
        }
        _ => Ok(()),
    };
    named("microphone", &settings.capture)?;
    named("loudspeaker", &settings.playback)?;
    if settings.ring.len() > MOST_RING {
        return Err(format!("{} devices are to ring: at most {MOST_RING} can", settings.ring.len()));
    }
    settings.ring.iter().try_for_each(|choice| named("device that rings", choice))?;
    if settings.volumes.len() > MOST_VOLUMES {
        return Err(format!("volumes of {} devices: at most {MOST_VOLUMES} are kept", settings.volumes.len()));
    }
    for (key, volume) in &settings.volumes {
        let name = key.strip_prefix("in:").or_else(|| key.strip_prefix("out:"));
        if !name.is_some_and(usable_name) {
            return Err(format!("{key:?} is no volume: it begins with in: or out:, then comes the device's name"));
        }
        if *volume > MOST_VOLUME {
            return Err(format!("the volume {volume} % of {key:?} is too much: at most {MOST_VOLUME} %"));
        }
    }
    if settings.ring_volume > 100 {
        return Err(format!("the volume {} % of ringing is too much: at most 100 %", settings.ring_volume));
    }
    if settings.hold_reminder_s != 0 && settings.hold_reminder_s < SHORTEST_REMINDER_S {
        return Err(format!(
            "a reminder of a held call every {} s would never stop: 0 for none, or at least {SHORTEST_REMINDER_S} s",
            settings.hold_reminder_s
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_done_is_refused() {
        assert_eq!(check(&SoundSettings::default()), Ok(()));
        let device = |name: &str| DeviceChoice::Device { name: name.into() };
        type Change = fn(&mut SoundSettings);
        let changes: [(&str, Change); 8] = [
            ("microphone", |s| s.capture = DeviceChoice::Device { name: String::new() }),
            ("loudspeaker", |s| s.playback = DeviceChoice::Device { name: "x".repeat(257) }),
            ("device that rings", |s| s.ring = vec![DeviceChoice::Device { name: "a\nb".into() }]),
            ("devices are to ring", |s| s.ring = vec![DeviceChoice::System; 9]),
            ("no volume", |s| s.volumes = [("headset".into(), 100)].into()),
            ("too much", |s| s.volumes = [("out:headset".into(), 401)].into()),
            ("too much", |s| s.ring_volume = 101),
            ("never stop", |s| s.hold_reminder_s = 4),
        ];
        for (why, change) in changes {
            let mut settings = SoundSettings::default();
            change(&mut settings);
            assert!(check(&settings).unwrap_err().contains(why), "{why}");
        }
        let good = SoundSettings {
            capture: device("headset"),
            volumes: [("in:headset".into(), 400), ("out:headset".into(), 0)].into(),
            hold_reminder_s: 0,
            ..SoundSettings::default()
        };
        assert_eq!(check(&good), Ok(()));
    }
}
