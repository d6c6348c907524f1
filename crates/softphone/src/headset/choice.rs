//! Which headset: the one that is also the sound device of calls.

/// Words that many devices have in their names, and that therefore tell nothing.
const COMMON: [&str; 10] =
    ["usb", "audio", "headset", "device", "mono", "stereo", "analog", "wireless", "adapter", "dongle"];

/// Index of the best of these names, given what the sound devices in use are called; the first, when nothing tells.
///
/// A sound server makes its names out of the same USB strings: `GN Netcom A/S Jabra EVOLVE 20` is
/// `alsa_input.usb-GN_Netcom_A_S_Jabra_EVOLVE_20_0005-00.mono` there.
pub(super) fn best<'a>(names: impl Iterator<Item = &'a str>, sounds: &[String]) -> Option<usize> {
    let sounds: Vec<Vec<String>> = sounds.iter().map(|name| words(name)).collect();
    let likeness = |name: &str| {
        let name = words(name);
        sounds.iter().map(|sound| name.iter().filter(|word| sound.contains(word)).count()).max().unwrap_or(0)
    };
    // `max_by_key` takes the last of equals.
    let best = names.enumerate().map(|(index, name)| (index, likeness(name)));
    best.max_by_key(|(index, likeness)| (*likeness, std::cmp::Reverse(*index))).map(|(index, _)| index)
}

fn words(name: &str) -> Vec<String> {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 1 && !COMMON.contains(word));
    let mut words: Vec<String> = words.map(str::to_owned).collect();
    words.sort_unstable();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::best;

    #[test]
    fn the_one_that_is_heard_and_spoken_with() {
        let names =
            ["Plantronics Blackwire 3220 Series", "GN Netcom A/S Jabra EVOLVE 20", "GN Netcom A/S Jabra Link 380"];
        for (sound, index) in [
            ("alsa_input.usb-GN_Netcom_A_S_Jabra_EVOLVE_20_0005AF-00.mono-fallback", 1),
            ("alsa_output.usb-GN_Netcom_A_S_Jabra_Link_380_70BF92-00.analog-stereo", 2),
            ("Jabra EVOLVE 20 Mono", 1),
            ("Blackwire 3220 Series Analog Stereo", 0),
            ("Built-in Audio Analog Stereo", 0),
            ("default", 0),
        ] {
            assert_eq!(best(names.into_iter(), &[sound.to_owned()]), Some(index), "{sound}");
        }
        assert_eq!(best(names.into_iter(), &[]), Some(0));
        assert_eq!(best(std::iter::empty(), &["default".into()]), None);
        let two = ["Built-in Audio".to_owned(), "Jabra Link 380 Stereo".to_owned()];
        assert_eq!(best(names.into_iter(), &two), Some(2), "the other one may be a loudspeaker");
    }
}
