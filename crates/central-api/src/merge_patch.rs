//! JSON Merge Patch (RFC 7396), both ways.

use serde_json::{Map, Value};

/// What turns `from` into `to`; nothing when they are equal. Neither may contain `null` (see the crate's first lines).
#[must_use]
pub fn diff(from: &Value, to: &Value) -> Option<Value> {
    if from == to {
        return None;
    }
    let (Value::Object(from), Value::Object(to)) = (from, to) else {
        return Some(to.clone());
    };
    let mut patch = Map::new();
    for key in from.keys().filter(|key| !to.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, new) in to {
        match from.get(key) {
            Some(old) => {
                if let Some(change) = diff(old, new) {
                    patch.insert(key.clone(), change);
                }
            }
            None => {
                patch.insert(key.clone(), new.clone());
            }
        }
    }
    Some(Value::Object(patch))
}

/// Applies a patch in place.
pub fn apply(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, change) in patch {
        if change.is_null() {
            target.remove(key);
        } else {
            apply(target.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}

/// Makes one patch of two: what the first did and then the second. An object that the first removes and the second makes anew
/// must not have had what the new one lacks: a patch cannot say that.
pub fn then(first: &mut Value, second: Value) {
    let (Value::Object(known), Value::Object(_)) = (&mut *first, &second) else {
        *first = second;
        return;
    };
    let Value::Object(second) = second else { return };
    for (key, change) in second {
        match known.get_mut(&key) {
            Some(Value::Null) | None => drop(known.insert(key, change)),
            Some(before) => then(before, change),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{apply, diff, then};
    use serde_json::json;

    #[test]
    fn two_patches_are_as_one() {
        let patches = [json!({"a": {"b": 1}, "c": null}), json!({"a": {"b": null, "d": 2}, "c": 3, "e": {"f": 1}})];
        let mut state = json!({"a": {"x": 0}, "c": {"old": 1}});
        let mut at_once = state.clone();
        for patch in &patches {
            apply(&mut state, patch);
        }
        let [mut first, second] = patches;
        then(&mut first, second);
        apply(&mut at_once, &first);
        assert_eq!(at_once, state);
    }

    #[test]
    fn a_patch_turns_the_old_into_the_new() {
        let cases = [
            (json!({"a": 1}), json!({"a": 1})),
            (json!({"a": 1}), json!({"a": 2, "b": {"c": []}})),
            (json!({"a": {"b": 1, "c": 2}}), json!({"a": {"c": 2}})),
            (json!({"a": {"b": 1}}), json!({"a": "text"})),
            (json!({"a": "text"}), json!({"a": {"b": {"c": 1}}})),
            (json!({}), json!({"x": [1, 2, {"y": 3}]})),
        ];
        for (from, to) in cases {
            let mut target = from.clone();
            if let Some(patch) = diff(&from, &to) {
                apply(&mut target, &patch);
            }
            assert_eq!(target, to, "from {from}");
        }
    }

    #[test]
    fn equal_states_need_no_patch() {
        assert_eq!(diff(&json!({"a": {"b": 1}}), &json!({"a": {"b": 1}})), None);
    }
}
