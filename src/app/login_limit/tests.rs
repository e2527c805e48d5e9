//! What the login limit promises, on a clock of the test's.

use super::*;
use std::net::{Ipv4Addr, Ipv6Addr};

const RATES: LoginRates = LoginRates { per_address: 20, per_account: 10 };

#[test]
fn a_rate_of_zero_lets_everybody_try() {
    let limit = LoginLimit::new(LoginRates { per_address: 0, per_account: 0 }).unwrap();

    for _ in 0..1000 {
        limit.check(Some(address(1)), Account::Login("ada"), START).unwrap();
        limit.record_failure(Some(address(1)), Account::Login("ada"), START);
    }
}

#[test]
fn account_waits_longer_with_each_failure_and_a_minute_at_most() {
    let limit = LoginLimit::new(RATES).unwrap();
    let mut now = START;
    let mut waits = Vec::new();

    for n in 0..14 {
        let address = address(n);
        match limit.check(Some(address), Account::Login("ada"), now) {
            Ok(()) => waits.push(0),
            Err(wait) => {
                waits.push(wait.seconds());
                now = now + Duration::from_secs(wait.seconds());
                limit.check(Some(address), Account::Login("ada"), now).unwrap();
            }
        }
        limit.record_failure(Some(address), Account::Login("ada"), now);
    }

    assert_eq!(waits, [0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
}

#[test]
fn parallel_attempts_are_charged_before_any_has_failed() {
    let limit = LoginLimit::new(RATES).unwrap();

    let admitted =
        (0..1000).filter(|n| limit.check(Some(address(*n)), Account::Login("ada"), START).is_ok()).count();

    assert_eq!(admitted, 10);
}

#[test]
fn address_is_limited_over_all_accounts_and_another_is_not() {
    let limit = LoginLimit::new(RATES).unwrap();

    let admitted = (0..1000)
        .filter(|n| limit.check(Some(address(1)), Account::Login(&format!("user{n}")), START).is_ok())
        .count();

    assert_eq!(admitted, 20);
    assert!(limit.check(Some(address(2)), Account::Login("ada"), START).is_ok());
}

#[test]
fn ipv6_counts_by_64_and_mapped_ipv4_as_ipv4() {
    let limit = LoginLimit::new(RATES).unwrap();
    let ip = |net: u16, host: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, net, 0, 0, 0, host));
    for n in 0..20 {
        limit.check(Some(ip(1, n)), Account::Login(&format!("user{n}")), START).unwrap();
        limit.check(Some(address(7)), Account::Login(&format!("user{n}")), START).unwrap();
    }

    let mapped = IpAddr::V6(Ipv4Addr::from(7).to_ipv6_mapped());

    assert!(limit.check(Some(ip(1, 999)), Account::Login("ada"), START).is_err());
    assert!(limit.check(Some(ip(2, 1)), Account::Login("ada"), START).is_ok());
    assert!(limit.check(Some(mapped), Account::Login("ada"), START).is_err());
}

#[test]
fn those_who_come_by_way_of_this_host_do_not_shut_each_other_out() {
    let limit = LoginLimit::new(RATES).unwrap();
    let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    let here =
        [None, Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9))), Some(Ipv6Addr::LOCALHOST.into()), Some(mapped)];
    for from in here {
        for n in 0..100 {
            let login = format!("user{n}");
            limit.check(from, Account::Login(&login), START).unwrap();
            limit.record_failure(from, Account::Login(&login), START);
        }
    }

    for from in here {
        assert!(limit.check(from, Account::Login("ada"), START).is_ok());
    }
    for _ in 0..20 {
        limit.record_failure(None, Account::Login("ada"), START);
    }
    assert!(limit.check(None, Account::Login("ada"), START).is_err());
}

#[test]
fn nobody_keeps_a_user_from_changing_the_password_by_signing_in_under_the_users_id() {
    let limit = LoginLimit::new(RATES).unwrap();
    let id = UserId::new(uuid::Uuid::from_u128(7));
    for n in 0..20 {
        limit.record_failure(Some(address(n)), Account::Login(&id.to_string()), START);
    }

    assert!(limit.check(Some(address(99)), Account::Own(id), START).is_ok());
}

#[test]
fn login_is_one_account_however_it_is_typed() {
    let limit = LoginLimit::new(RATES).unwrap();
    for n in 0..10 {
        limit.check(Some(address(n)), Account::Login("Ada"), START).unwrap();
    }

    assert!(limit.check(Some(address(99)), Account::Login(" aDA "), START).is_err());
}

#[test]
fn success_clears_the_account_but_not_the_address() {
    let limit = LoginLimit::new(RATES).unwrap();
    for n in 0..11 {
        limit.record_failure(Some(address(1)), Account::Login(&format!("user{n}")), START);
    }
    for _ in 0..11 {
        limit.record_failure(Some(address(2)), Account::Login("ada"), START);
    }

    limit.record_success(Some(address(3)), Account::Login("ada"), START);
    limit.record_success(Some(address(1)), Account::Login("mine"), START);

    assert!(limit.check(Some(address(4)), Account::Login("ada"), START).is_ok());
    assert!(limit.check(Some(address(1)), Account::Login("user"), START).is_err());
}

#[test]
fn right_passwords_are_never_slowed_down() {
    let limit = LoginLimit::new(RATES).unwrap();

    for _ in 0..1000 {
        limit.check(Some(address(1)), Account::Login("ada"), START).unwrap();
        limit.record_success(Some(address(1)), Account::Login("ada"), START);
    }
}

#[test]
fn failures_are_forgotten_after_an_hour() {
    let limit = LoginLimit::new(RATES).unwrap();
    for _ in 0..100 {
        limit.record_failure(Some(address(1)), Account::Login("ada"), START);
    }

    let soon = limit.check(Some(address(1)), Account::Login("ada"), START + Duration::from_secs(299));
    let later = START + Duration::from_secs(300 + 3600);

    assert!(soon.is_err());
    limit.record_failure(Some(address(1)), Account::Login("ada"), later);
    assert!(limit.check(Some(address(1)), Account::Login("ada"), later).is_ok());
}

#[test]
fn clock_set_back_shuts_nobody_out() {
    let limit = LoginLimit::new(RATES).unwrap();
    for _ in 0..100 {
        let _ = limit.check(Some(address(1)), Account::Login("ada"), START);
        limit.record_failure(Some(address(1)), Account::Login("ada"), START);
    }

    let yesterday = Timestamp::from_millis(START.as_millis() - 86_400_000);

    assert!(limit.check(Some(address(1)), Account::Login("ada"), yesterday).is_ok());
}

#[test]
fn a_million_keys_stay_within_fixed_memory_and_do_not_wash_out_the_one_under_attack() {
    let limit = LoginLimit::new(RATES).unwrap();
    for _ in 0..11 {
        limit.record_failure(Some(address(0)), Account::Login("ada"), START);
    }

    for n in 1..=1_000_000 {
        let login = format!("user{n}");
        limit.check(Some(address(n)), Account::Login(&login), START).unwrap();
        limit.record_failure(Some(address(n)), Account::Login(&login), START);
    }

    assert!(held_bytes(&limit) <= LoginLimit::MAX_BYTES);
    const { assert!(LoginLimit::MAX_BYTES < 8 * 1024 * 1024) };
    assert!(limit.check(Some(address(2_000_000)), Account::Login("ada"), START).is_err());
    assert!(limit.check(Some(address(0)), Account::Login("grace"), START).is_err());
}

#[test]
fn retry_after_is_whole_seconds_and_never_zero() {
    assert_eq!(RetryAfter::new(Duration::from_millis(1)).seconds(), 1);
    assert_eq!(RetryAfter::new(Duration::from_millis(1001)).seconds(), 2);
}

#[test]
fn many_failures_in_all_slow_strangers_down_but_shut_nobody_out() {
    let limit = LoginLimit::new(RATES).unwrap();
    let home = address(1_000_000);
    limit.record_success(Some(home), Account::Login("ada"), START);

    let found: Vec<_> = (0..200)
        .flat_map(|n| limit.record_failure(Some(address(n)), Account::Login(&format!("user{n}")), START))
        .collect();
    let tries = |from: IpAddr, now: Timestamp| {
        (0..20).filter(|n| limit.check(Some(from), Account::Login(&format!("try{n}")), now).is_ok()).count()
    };

    assert_eq!(found, [Finding::ManyFailures]);
    assert_eq!(tries(home, START), 20);
    assert_eq!(tries(address(2_000_000), START), 2);
    assert_eq!(tries(address(2_000_000), START + Duration::from_secs(30)), 1);
    assert!(limit.check(None, Account::Login("grace"), START).is_ok());
    assert_eq!(tries(address(3_000_000), START + Duration::from_secs(301)), 20);
}

#[test]
fn a_right_password_is_not_slowed_down_by_an_alarm() {
    let limit = LoginLimit::new(RATES).unwrap();
    for n in 0..200 {
        limit.record_failure(Some(address(n)), Account::Login(&format!("user{n}")), START);
    }

    for _ in 0..20 {
        limit.check(Some(address(999)), Account::Login("ada"), START).unwrap();
        limit.record_success(Some(address(999)), Account::Login("ada"), START);
    }
}

#[test]
fn one_address_that_tries_many_accounts_is_found_once_and_waits_longer() {
    let limit = LoginLimit::new(RATES).unwrap();
    let fail = |from: IpAddr, login: String| limit.record_failure(Some(from), Account::Login(&login), START);

    let found: Vec<_> = (0..30).flat_map(|n| fail(address(1), format!("user{n}"))).collect();
    let same: Vec<_> = (0..30).flat_map(|_| fail(address(2), "grace".to_owned())).collect();

    assert_eq!(found, [Finding::ManyAccounts]);
    assert_eq!(same, [Finding::AccountLocked]);
    let wait = limit.check(Some(address(1)), Account::Login("ada"), START).unwrap_err();
    assert_eq!(wait.seconds(), 300);
}

#[test]
fn an_office_whose_people_mistype_is_no_stuffing() {
    let limit = LoginLimit::new(RATES).unwrap();
    limit.record_success(Some(address(1)), Account::Login("ada"), START);

    let found: Vec<_> = (0..12)
        .flat_map(|n| limit.record_failure(Some(address(1)), Account::Login(&format!("user{n}")), START))
        .collect();

    assert_eq!(found, []);
}

#[test]
fn one_password_on_many_accounts_is_found_from_however_many_addresses() {
    let limit = LoginLimit::new(RATES).unwrap();
    let note =
        |n: u32, password: &str| limit.note_password(Some(address(n)), &format!("user{n}"), password, START);

    let spray: Vec<_> = (0..40).filter_map(|n| note(n, "Summer2026!!")).collect();
    let each_own: Vec<_> = (0..40).filter_map(|n| note(n, &format!("secret of {n}"))).collect();

    assert_eq!(spray, [Finding::OnePassword]);
    assert_eq!(each_own, []);
    assert!(limit.list(START).alarm_until.is_some());
}

#[test]
fn those_who_failed_are_listed_and_can_be_let_in_again() {
    let limit = LoginLimit::new(RATES).unwrap();
    let id = UserId::new(uuid::Uuid::from_u128(7));
    for _ in 0..11 {
        limit.record_failure(Some(address(1)), Account::Login("ada"), START);
    }
    limit.note_user(Account::Login("ada"), id, START);
    limit.record_failure(None, Account::Login("my password"), START);

    let holding = limit.list(START);
    assert_eq!(holding.addresses.len(), 1);
    assert_eq!(holding.addresses[0].address, Some(address(1)));
    assert_eq!((holding.accounts[0].user, holding.accounts[0].failures), (Some(id), 11));
    assert!(holding.accounts[0].until.is_some());
    assert_eq!((holding.accounts[1].user, holding.accounts[1].failures), (None, 1));

    assert!(limit.unban_address(address(1), START) && limit.unban_account("ada", Some(id)));
    assert!(!limit.unban_account("ada", Some(id)));
    assert!(limit.check(Some(address(1)), Account::Login("ada"), START).is_ok());
}

#[test]
fn ranges_that_are_never_limited_are_not_and_leave_nothing_behind() {
    let limit = LoginLimit::new(RATES).unwrap();
    limit.set_unlimited(vec!["0.0.0.0/24".parse().unwrap()]);

    for n in 0..500 {
        let mapped = IpAddr::V6(Ipv4Addr::from(n % 200).to_ipv6_mapped());
        limit.check(Some(mapped), Account::Login("ada"), START).unwrap();
        assert_eq!(limit.record_failure(Some(mapped), Account::Login("ada"), START), []);
    }

    assert!(limit.check(Some(address(1000)), Account::Login("ada"), START).is_ok());
    assert_eq!(limit.list(START).accounts, []);
}

#[test]
fn second_factors_are_limited_also_where_nothing_else_is() {
    let limit = LoginLimit::new(RATES).unwrap();
    limit.set_unlimited(vec!["0.0.0.0/24".parse().unwrap()]);
    let ada = Account::SecondFactor(UserId::new(uuid::Uuid::from_u128(7)));

    for _ in 0..20 {
        limit.record_failure(Some(address(1)), ada, START);
    }

    assert_eq!(limit.check(Some(address(1)), ada, START).unwrap_err().seconds(), 3600);
    assert!(limit.check(Some(address(1)), Account::Login("ada"), START).is_ok());
}

#[test]
fn an_account_whose_second_factor_is_guessed_is_found_listed_and_let_in_again() {
    let limit = LoginLimit::new(RATES).unwrap();
    let id = UserId::new(uuid::Uuid::from_u128(7));
    let ada = Account::SecondFactor(id);

    let found: Vec<_> = (0..40).flat_map(|n| limit.record_failure(Some(address(n)), ada, START)).collect();

    assert_eq!(found, [Finding::AccountLocked]);
    assert_eq!(limit.list(START).accounts[0].user, Some(id));
    assert!(limit.unban_account("ada", Some(id)));
    assert!(limit.check(Some(address(99)), ada, START).is_ok());
    assert_eq!(limit.list(START).accounts, []);
}

#[test]
fn attempts_that_are_aimed_at_nobody_raise_the_alarm_and_are_slowed_down_by_it() {
    let limit = LoginLimit::new(RATES).unwrap();

    let found: Vec<_> = (0..200).flat_map(|n| limit.fail_address(Some(address(n)), START)).collect();
    let admitted = (0..20).filter(|_| limit.check_address(Some(address(2_000_000)), START).is_ok()).count();

    assert_eq!(found, [Finding::ManyFailures]);
    assert_eq!(admitted, 2);
    assert!(limit.check_address(None, START).is_ok());
}

fn held_bytes(limit: &LoginLimit) -> usize {
    [&limit.addresses, &limit.accounts, &limit.second_factors]
        .map(|table| lock(table).held_bytes())
        .iter()
        .sum()
}

fn address(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(n))
}

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
