//! Country codes: how long numbers are behind each, and how a number of some of them is grouped for the eye.
//!
//! Condensed from the metadata of libphonenumber 9.0.43 (Apache-2.0) to what is needed to tell where a country code ends and
//! whether a number can be one. The library's Rust ports would do the same for 3 to 4 MB of binary, 7 to 12 MB of memory and
//! 14 to 117 ms at the first number, because each carries a regular expression for every kind of number of every country;
//! nothing here asks whether a number is a mobile one. The plan of the administrator stands above this table for its own
//! country.

use super::digits::Lengths;

/// What stands behind one country code. Several countries may share one (+1, +7).
#[derive(Debug, PartialEq, Eq)]
pub struct Country {
    /// The country code (ITU-T E.164), 1 to 3 digits.
    pub code: u16,
    /// ISO 3166 code of the country, of those that share the code the first; `--` for a service of the whole world.
    pub region: &'static str,
    /// How many digits can follow the code.
    pub lengths: Lengths,
    /// The first of them can be 0. Elsewhere a 0 there is a trunk prefix that was left in: +44 (0)20 …
    pub zero: bool,
}

/// The country whose code these digits begin with, and the digits behind it. No code is the beginning of another.
pub(super) fn split(digits: &str) -> Option<(&'static Country, &str)> {
    // 07 is not 7.
    let longest = if digits.starts_with('0') { 0 } else { 3 };
    (1..=longest).find_map(|length| {
        let code = digits.get(..length)?.parse().ok()?;
        Some((find(code)?, digits.get(length..)?))
    })
}

/// The country with this code.
pub(super) fn find(code: u16) -> Option<&'static Country> {
    COUNTRIES.binary_search_by_key(&code, |country| country.code).ok().map(|index| &COUNTRIES[index])
}

/// A number's digits behind the country code, grouped as people there write them; where that is not known, by threes.
pub(super) fn grouped(code: u16, national: &str) -> String {
    let known = SHAPES.iter().find(|(country, area, shape)| {
        *country == code && national.starts_with(area) && {
            let places = shape.matches('X').count();
            places == national.len() || (shape.ends_with('*') && places < national.len())
        }
    });
    let Some((_, _, shape)) = known else { return by_threes(national) };
    let mut digits = national.chars();
    let mut text = String::with_capacity(shape.len() + national.len());
    for place in shape.chars() {
        match place {
            'X' => text.extend(digits.next()),
            '*' => text.extend(digits.by_ref()),
            sign => text.push(sign),
        }
    }
    text
}

fn by_threes(mut digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    // The last group has up to four: a digit alone is lost to the eye.
    while digits.len() > 4 {
        let (group, rest) = digits.split_at(3);
        text.push_str(group);
        text.push(' ');
        digits = rest;
    }
    text + digits
}

/// Country code, what the number begins with behind it, and its shape: `X` is a digit, `*` are all that remain. The first
/// that fits counts.
const SHAPES: &[(u16, &str, &str)] = &[
    (1, "", "XXX-XXX-XXXX"),
    (7, "", "XXX XXX-XX-XX"),
    (33, "", "X XX XX XX XX"),
    (34, "", "XXX XX XX XX"),
    (44, "2", "XX XXXX XXXX"),
    (44, "11", "XXX XXX XXXX"),
    (44, "121", "XXX XXX XXXX"),
    (44, "131", "XXX XXX XXXX"),
    (44, "141", "XXX XXX XXXX"),
    (44, "151", "XXX XXX XXXX"),
    (44, "161", "XXX XXX XXXX"),
    (44, "191", "XXX XXX XXXX"),
    (44, "1", "XXXX XXXXXX"),
    (44, "7", "XXXX XXXXXX"),
    (44, "3", "XXX XXX XXXX"),
    (44, "8", "XXX XXX XXXX"),
    (44, "9", "XXX XXX XXXX"),
    (48, "", "XXX XXX XXX"),
    (49, "30", "XX *"),
    (49, "40", "XX *"),
    (49, "69", "XX *"),
    (49, "89", "XX *"),
    (49, "15", "XXXX *"),
    (49, "16", "XXX *"),
    (49, "17", "XXX *"),
    (374, "", "XX XXXXXX"),
    (375, "", "XX XXX-XX-XX"),
    (380, "", "XX XXX XX XX"),
    (994, "", "XX XXX XX XX"),
    (995, "", "XXX XX XX XX"),
    (996, "", "XXX XXX XXX"),
    (998, "", "XX XXX XX XX"),
];

const fn row(code: u16, region: &'static str, lengths: &[u8]) -> Country {
    Country { code, region, lengths: Lengths::of(lengths), zero: false }
}

const fn zero(country: Country) -> Country {
    Country { zero: true, ..country }
}

/// By code.
static COUNTRIES: [Country; 215] = [
    row(1, "NANP", &[10]),
    row(7, "RU/KZ", &[10]),
    row(20, "EG", &[8, 9, 10]),
    row(27, "ZA", &[5, 6, 7, 8, 9, 10]),
    row(30, "GR", &[10, 11, 12]),
    row(31, "NL", &[5, 6, 7, 8, 9, 10, 11]),
    row(32, "BE", &[8, 9]),
    row(33, "FR", &[9]),
    row(34, "ES", &[9]),
    row(36, "HU", &[8, 9]),
    zero(row(39, "IT", &[6, 7, 8, 9, 10, 11, 12])),
    row(40, "RO", &[6, 9]),
    row(41, "CH", &[9, 12]),
    row(43, "AT", &[4, 5, 6, 7, 8, 9, 10, 11, 12, 13]),
    row(44, "GB", &[7, 9, 10]),
    row(45, "DK", &[8]),
    row(46, "SE", &[6, 7, 8, 9, 10, 12]),
    zero(row(47, "NO", &[5, 8])),
    row(48, "PL", &[6, 7, 8, 9, 10]),
    row(49, "DE", &[4, 5, 6, 7, 8, 9, 10, 11, 12, 13]),
    row(51, "PE", &[8, 9]),
    row(52, "MX", &[10]),
    row(53, "CU", &[6, 7, 8, 10]),
    row(54, "AR", &[10, 11]),
    row(55, "BR", &[8, 9, 10, 11]),
    row(56, "CL", &[9, 10, 11]),
    row(57, "CO", &[8, 10, 11]),
    row(58, "VE", &[10]),
    row(60, "MY", &[8, 9, 10]),
    row(61, "AU", &[5, 6, 7, 8, 9, 10, 12]),
    row(62, "ID", &[7, 8, 9, 10, 11, 12, 13]),
    row(63, "PH", &[6, 8, 9, 10, 11, 12, 13]),
    row(64, "NZ", &[5, 6, 7, 8, 9, 10]),
    row(65, "SG", &[8, 10, 11]),
    row(66, "TH", &[8, 9, 10, 13]),
    row(81, "JP", &[8, 9, 10, 11, 12, 13]),
    row(82, "KR", &[5, 6, 8, 9, 10, 11, 12, 13]),
    row(84, "VN", &[7, 8, 9, 10]),
    row(86, "CN", &[7, 8, 9, 10, 11, 12]),
    row(90, "TR", &[7, 10, 12, 13]),
    row(91, "IN", &[8, 9, 10, 11, 12, 13]),
    row(92, "PK", &[8, 9, 10, 11, 12]),
    row(93, "AF", &[9]),
    row(94, "LK", &[9]),
    row(95, "MM", &[6, 7, 8, 9, 10]),
    row(98, "IR", &[4, 5, 6, 7, 10]),
    row(211, "SS", &[9]),
    row(212, "MA", &[9]),
    row(213, "DZ", &[8, 9]),
    row(216, "TN", &[8]),
    row(218, "LY", &[9]),
    row(220, "GM", &[7, 9]),
    row(221, "SN", &[9]),
    row(222, "MR", &[8]),
    row(223, "ML", &[8]),
    row(224, "GN", &[8, 9]),
    zero(row(225, "CI", &[10])),
    zero(row(226, "BF", &[8])),
    zero(row(227, "NE", &[8])),
    row(228, "TG", &[8]),
    zero(row(229, "BJ", &[10])),
    row(230, "MU", &[7, 8, 10]),
    row(231, "LR", &[7, 8, 9]),
    row(232, "SL", &[8]),
    row(233, "GH", &[8, 9]),
    row(234, "NG", &[10, 11, 12]),
    row(235, "TD", &[8]),
    row(236, "CF", &[8]),
    row(237, "CM", &[8, 9]),
    row(238, "CV", &[7]),
    row(239, "ST", &[7]),
    row(240, "GQ", &[9]),
    zero(row(241, "GA", &[7, 8])),
    zero(row(242, "CG", &[9])),
    row(243, "CD", &[7, 8, 9, 10]),
    row(244, "AO", &[9]),
    row(245, "GW", &[7, 9]),
    row(246, "IO", &[7]),
    zero(row(247, "AC", &[5, 6])),
    row(248, "SC", &[7]),
    row(249, "SD", &[9]),
    row(250, "RW", &[8, 9]),
    row(251, "ET", &[9]),
    row(252, "SO", &[6, 7, 8, 9]),
    row(253, "DJ", &[8]),
    row(254, "KE", &[7, 8, 9, 10]),
    row(255, "TZ", &[9]),
    row(256, "UG", &[9]),
    row(257, "BI", &[8]),
    row(258, "MZ", &[8, 9]),
    row(260, "ZM", &[9]),
    row(261, "MG", &[9]),
    row(262, "RE", &[9]),
    row(263, "ZW", &[7, 9, 10]),
    row(264, "NA", &[8, 9]),
    row(265, "MW", &[7, 9]),
    row(266, "LS", &[8]),
    zero(row(267, "BW", &[7, 8, 10])),
    zero(row(268, "SZ", &[8, 9])),
    row(269, "KM", &[7]),
    row(290, "SH", &[4, 5]),
    row(291, "ER", &[7]),
    row(297, "AW", &[7]),
    row(298, "FO", &[6]),
    row(299, "GL", &[6]),
    row(350, "GI", &[8]),
    row(351, "PT", &[9]),
    row(352, "LU", &[4, 5, 6, 7, 8, 9, 10, 11]),
    row(353, "IE", &[7, 8, 9, 10]),
    row(354, "IS", &[7, 9]),
    row(355, "AL", &[6, 7, 8, 9]),
    row(356, "MT", &[8]),
    row(357, "CY", &[8]),
    row(358, "FI", &[5, 6, 7, 8, 9, 10, 11, 12]),
    row(359, "BG", &[6, 7, 8, 9, 12]),
    row(370, "LT", &[8]),
    row(371, "LV", &[8]),
    row(372, "EE", &[7, 8, 10]),
    row(373, "MD", &[8]),
    row(374, "AM", &[8]),
    row(375, "BY", &[6, 7, 8, 9, 10, 11]),
    row(376, "AD", &[6, 8, 9]),
    row(377, "MC", &[8, 9]),
    zero(row(378, "SM", &[8, 10])),
    row(380, "UA", &[9, 10]),
    row(381, "RS", &[6, 7, 8, 9, 10, 11, 12]),
    row(382, "ME", &[8, 9]),
    row(383, "XK", &[8, 9, 10, 11, 12]),
    row(385, "HR", &[7, 8, 9]),
    row(386, "SI", &[5, 6, 7, 8]),
    row(387, "BA", &[8, 9]),
    row(389, "MK", &[8]),
    row(420, "CZ", &[9, 10, 11, 12]),
    row(421, "SK", &[6, 7, 9]),
    row(423, "LI", &[7, 9]),
    row(500, "FK", &[5]),
    zero(row(501, "BZ", &[7, 11])),
    row(502, "GT", &[8, 11]),
    row(503, "SV", &[7, 8, 11]),
    row(504, "HN", &[8, 11]),
    row(505, "NI", &[8]),
    row(506, "CR", &[8, 10]),
    zero(row(507, "PA", &[7, 8, 10, 11])),
    row(508, "PM", &[6, 9]),
    row(509, "HT", &[8]),
    row(590, "GP", &[9]),
    row(591, "BO", &[8, 9]),
    row(592, "GY", &[7]),
    row(593, "EC", &[8, 9, 10, 11]),
    row(594, "GF", &[9]),
    row(595, "PY", &[6, 7, 8, 9, 10, 11]),
    row(596, "MQ", &[9]),
    row(597, "SR", &[6, 7]),
    row(598, "UY", &[4, 5, 6, 7, 8, 9, 10, 11, 12]),
    row(599, "CW", &[7, 8]),
    row(670, "TL", &[7, 8]),
    row(672, "NF", &[6]),
    row(673, "BN", &[7]),
    row(674, "NR", &[7]),
    row(675, "PG", &[7, 8]),
    zero(row(676, "TO", &[5, 7])),
    row(677, "SB", &[5, 7]),
    row(678, "VU", &[5, 7]),
    zero(row(679, "FJ", &[7, 11])),
    row(680, "PW", &[7]),
    row(681, "WF", &[6, 9]),
    row(682, "CK", &[5]),
    row(683, "NU", &[4, 7]),
    row(685, "WS", &[5, 6, 7, 10]),
    row(686, "KI", &[5, 8]),
    zero(row(687, "NC", &[6])),
    row(688, "TV", &[5, 6, 7]),
    row(689, "PF", &[6, 8, 9]),
    row(690, "TK", &[4, 5, 6, 7]),
    row(691, "FM", &[7]),
    row(692, "MH", &[7]),
    zero(row(800, "--", &[8])),
    row(808, "--", &[8]),
    row(850, "KP", &[8, 10]),
    row(852, "HK", &[5, 6, 7, 8, 9, 11]),
    zero(row(853, "MO", &[7, 8])),
    row(855, "KH", &[8, 9, 10]),
    row(856, "LA", &[8, 9, 10]),
    row(870, "--", &[9, 12]),
    row(878, "--", &[12]),
    row(880, "BD", &[6, 7, 8, 9, 10]),
    zero(row(881, "--", &[9, 10])),
    row(882, "--", &[7, 8, 9, 10, 11, 12]),
    row(883, "--", &[8, 9, 10, 11, 12]),
    row(886, "TW", &[7, 8, 9, 10, 11]),
    zero(row(888, "--", &[11])),
    row(960, "MV", &[7, 10]),
    row(961, "LB", &[7, 8]),
    row(962, "JO", &[8, 9]),
    row(963, "SY", &[8, 9]),
    row(964, "IQ", &[8, 9, 10]),
    row(965, "KW", &[7, 8]),
    row(966, "SA", &[9, 10]),
    row(967, "YE", &[7, 8, 9]),
    row(968, "OM", &[7, 8, 9]),
    row(970, "PS", &[8, 9, 10]),
    row(971, "AE", &[5, 6, 7, 8, 9, 10, 11, 12]),
    row(972, "IL", &[7, 8, 9, 10, 11, 12]),
    row(973, "BH", &[8]),
    zero(row(974, "QA", &[7, 8, 9, 11])),
    row(975, "BT", &[7, 8]),
    row(976, "MN", &[8, 9, 10]),
    row(977, "NP", &[8, 10, 11]),
    row(979, "--", &[9]),
    zero(row(992, "TJ", &[9])),
    row(993, "TM", &[8]),
    row(994, "AZ", &[9]),
    row(995, "GE", &[9]),
    row(996, "KG", &[9, 10]),
    row(998, "UZ", &[9]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_rise_and_none_begins_another() {
        assert!(COUNTRIES.is_sorted_by_key(|country| country.code));
        let codes: Vec<String> = COUNTRIES.iter().map(|country| country.code.to_string()).collect();
        for code in &codes {
            let beginnings = codes.iter().filter(|other| code.starts_with(other.as_str())).count();
            assert_eq!(beginnings, 1, "{code}");
        }
    }

    #[test]
    fn each_country_has_numbers_of_at_most_fifteen_digits() {
        for country in &COUNTRIES {
            let longest = country.lengths.iter().last().expect("lengths");
            assert!(longest + country.code.to_string().len() <= 15, "{country:?}");
        }
    }

    #[test]
    fn shapes_have_no_more_places_than_numbers_have_digits() {
        for (code, area, shape) in SHAPES {
            let country = find(*code).expect("a country");
            let places = shape.matches('X').count();
            let fits =
                country.lengths.iter().any(|length| length == places || (shape.ends_with('*') && length > places));
            assert!(fits && area.len() <= places, "+{code} {area} {shape}");
        }
    }

    #[test]
    fn numbers_are_split_at_the_country_code() {
        for (digits, code, rest) in [("74951234567", 7, "4951234567"), ("3726001234", 372, "6001234"), ("1", 1, "")] {
            let found = split(digits).map(|(country, rest)| (country.code, rest));
            assert_eq!(found, Some((code, rest)));
        }
        for nobodys in ["", "0", "0495123456", "8951234567", "21012345", "999"] {
            assert_eq!(split(nobodys), None, "{nobodys}");
        }
    }

    #[test]
    fn unknown_shapes_are_grouped_by_threes_with_no_digit_alone() {
        for (digits, text) in
            [("1234", "1234"), ("12345", "123 45"), ("1234567", "123 4567"), ("12345678", "123 456 78")]
        {
            assert_eq!(by_threes(digits), text);
        }
    }
}
