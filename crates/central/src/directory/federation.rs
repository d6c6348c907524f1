//! Which PBXs belong together: a call that goes from one to the other is one call, so one thread has to see both.

use std::collections::{BTreeMap, BTreeSet};

use central_api::PbxId;

use crate::store::Configuration;

/// PBXs that are joined by lines or are mirrors of each other, directly or through others. Alone, a PBX is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Federation {
    /// The PBX with the smallest id: it stays the same while others come.
    pub first: PbxId,
    /// All of them, `first` too.
    pub pbxs: BTreeSet<PbxId>,
}

/// PBXs that have the same numbers; each PBX is in one of the sets.
#[must_use]
pub fn mirrors(config: &Configuration) -> Vec<Federation> {
    let pairs = config.house.pbxs.iter().filter_map(|(pbx, place)| Some((*pbx, place.mirror_of?)));
    federations(config.pbxs.keys().copied(), pairs)
}

/// The sets that these pairs make of these PBXs, by their first.
pub(super) fn federations(
    pbxs: impl IntoIterator<Item = PbxId>,
    pairs: impl IntoIterator<Item = (PbxId, PbxId)>,
) -> Vec<Federation> {
    let mut first_of: BTreeMap<PbxId, PbxId> = pbxs.into_iter().map(|pbx| (pbx, pbx)).collect();
    for (one, other) in pairs {
        let (Some(&one), Some(&other)) = (first_of.get(&one), first_of.get(&other)) else { continue };
        let (first, second) = (one.min(other), one.max(other));
        for of in first_of.values_mut().filter(|of| **of == second) {
            *of = first;
        }
    }
    let mut sets: BTreeMap<PbxId, BTreeSet<PbxId>> = BTreeMap::new();
    for (pbx, first) in first_of {
        sets.entry(first).or_default().insert(pbx);
    }
    sets.into_iter().map(|(first, pbxs)| Federation { first, pbxs }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let told = |pbxs: &[i64], pairs: &[(i64, i64)]| {
            let pairs = pairs.iter().map(|(one, other)| (PbxId(*one), PbxId(*other)));
            let sets = federations(pbxs.iter().copied().map(PbxId), pairs);
            sets.into_iter().map(|set| set.pbxs.into_iter().map(|pbx| pbx.0).collect()).collect::<Vec<Vec<i64>>>()
        };
        assert_eq!(told(&[], &[]), Vec::<Vec<i64>>::new());
        assert_eq!(told(&[1, 2, 3], &[]), [[1], [2], [3]]);
        // Through others, in whatever order they are named; a line to nowhere joins nothing.
        for pairs in [[(4, 3), (3, 1), (2, 9)], [(1, 3), (9, 2), (3, 4)]] {
            assert_eq!(told(&[1, 2, 3, 4], &pairs), [vec![1, 3, 4], vec![2]]);
        }
        assert_eq!(told(&[1, 2, 3, 4], &[(1, 2), (3, 4), (4, 2)]), [[1, 2, 3, 4]]);
    }
}
