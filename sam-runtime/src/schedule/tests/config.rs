//! Schedules in configuration files.

use super::super::Schedule;

#[track_caller]
fn assert_reads(toml: &str, expected: Schedule) {
    assert_eq!(toml::from_str::<Schedule>(toml).unwrap(), expected);
}

/// Asserts that both formats refuse the schedule, and that the message holds every part.
#[track_caller]
fn assert_refuses(toml: &str, parts: &[&str]) {
    let json = serde_json::to_string(&toml.parse::<toml::Table>().unwrap()).unwrap();
    for message in [
        toml::from_str::<Schedule>(toml).unwrap_err().to_string(),
        serde_json::from_str::<Schedule>(&json)
            .unwrap_err()
            .to_string(),
    ] {
        for part in parts {
            assert!(message.contains(part), "no {part:?} in {message:?}");
        }
    }
}

#[test]
fn every_kind_has_its_name() {
    assert_reads("kind = 'constant'\nvalue = 1", Schedule::constant(1.0));
    assert_reads(
        "kind = 'linear'\nfrom = 0.1\nto = 0\nsteps = 5",
        Schedule::linear(0.1, 0.0, 5),
    );
    assert_reads(
        "kind = 'cosine'\nmax = 0.1\nmin = 0.01\nsteps = 5",
        Schedule::cosine(0.1, 0.01, 5),
    );
    assert_reads(
        "kind = 'cosine_restarts'\nmax = 0.1\nfirst_period = 5\nperiod_multiplier = 2",
        Schedule::cosine_restarts(0.1, 0.0, 5, 2),
    );
    assert_reads(
        "kind = 'step'\nbase = 0.1\ngamma = 0.5\nevery = 5",
        Schedule::step(0.1, 0.5, 5),
    );
    assert_reads(
        "kind = 'multi_step'\nbase = 0.1\ngamma = 0.5\nmilestones = [5, 8]",
        Schedule::multi_step(0.1, 0.5, [5, 8]),
    );
    assert_reads(
        "kind = 'exponential'\nbase = 0.1\ngamma = 0.5\nper = 5",
        Schedule::exponential_per(0.1, 0.5, 5),
    );
    assert_reads(
        "kind = 'polynomial'\nfrom = 0.1\nto = 0.0\nsteps = 5\npower = 2",
        Schedule::polynomial(0.1, 0.0, 5, 2.0),
    );
    assert_reads(
        "kind = 'noam'\nmodel_dim = 512\nwarmup = 4000\nfactor = 2.0",
        Schedule::noam(512, 4000, 2.0),
    );
}

#[test]
fn defaults_are_those_of_the_constructors() {
    assert_reads(
        "kind = 'cosine'\nmax = 0.1\nsteps = 5",
        Schedule::cosine(0.1, 0.0, 5),
    );
    assert_reads(
        "kind = 'cosine_restarts'\nmax = 0.1\nfirst_period = 5",
        Schedule::cosine_restarts(0.1, 0.0, 5, 1),
    );
    assert_reads(
        "kind = 'exponential'\nbase = 0.1\ngamma = 0.5",
        Schedule::exponential(0.1, 0.5),
    );
    assert_reads(
        "kind = 'one_cycle'\nmax = 0.1\nsteps = 5",
        Schedule::one_cycle(0.1, 5),
    );
    assert_reads(
        "kind = 'noam'\nmodel_dim = 512\nwarmup = 4000",
        Schedule::noam(512, 4000, 1.0),
    );
    assert_reads(
        "kind = 'warmup'\nsteps = 5\nschedule = { kind = 'constant', value = 0.1 }",
        Schedule::constant(0.1).with_warmup(5),
    );
}

#[test]
fn nested_schedules_read_as_they_are_built() {
    assert_reads(
        r#"
        kind = "sequential"

        [[phases]]
        steps = 1000
        schedule = { kind = "warmup", steps = 100, start = { value = 1e-5 }, schedule = { kind = "constant", value = 0.1 } }

        [[phases]]
        steps = 500
        [phases.schedule]
        kind = "cosine"
        max = 0.1
        steps = 500

        [last]
        kind = "constant"
        value = 0.0
        "#,
        Schedule::constant(0.1)
            .with_warmup_from(1e-5, 100)
            .then(1000, Schedule::cosine(0.1, 0.0, 500))
            .then(500, Schedule::constant(0.0)),
    );
}

#[test]
fn a_number_is_a_constant_schedule() {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Config {
        rho: Schedule,
    }
    for (text, value) in [("0.05", 0.05), ("1", 1.0), ("0", 0.0), ("5e-4", 5e-4)] {
        let rho = Schedule::constant(value);
        let config: Config = toml::from_str(&format!("rho = {text}")).unwrap();
        assert_eq!(config, Config { rho });
        // It is written with its kind.
        let written = toml::to_string(&config).unwrap();
        assert!(written.contains("kind = \"constant\""), "{written}");
        assert_eq!(toml::from_str::<Config>(&written).unwrap(), config);
        let schedule = serde_json::from_str::<Schedule>(text).unwrap();
        assert_eq!(schedule, config.rho);
    }
    assert_reads(
        "kind = 'sequential'\nphases = [{ steps = 9, schedule = 0.1 }]\nlast = 0.01",
        Schedule::constant(0.1).then(9, Schedule::constant(0.01)),
    );
    let refused = |value: &str| {
        let text = format!("\nrho = {value}");
        toml::from_str::<Config>(&text).unwrap_err().to_string()
    };
    for (value, column, what) in [
        ("-1", 7, "`value` is -1"),
        ("nan", 7, "`value` is NaN"),
        (
            "'cosine'",
            7,
            "expected a number, or a table such as { kind = \"constant\", value = 0.05 }",
        ),
        ("[0.1]", 7, "expected a number"),
        ("true", 7, "expected a number"),
        ("{ max = 0.1 }", 7, "`kind`"),
        ("{ kind = 'cosin', max = 0.1 }", 16, "cosin"),
        (
            "{ kind = 'warmup', steps = 5, schedule = -0.1 }",
            7,
            "`schedule.value` is -0.1",
        ),
    ] {
        let error = refused(value);
        assert!(error.contains(what), "{error}");
        let place = format!("line 2, column {column}\n");
        assert!(error.contains(&place), "{error}");
    }
}

#[test]
fn serialised_form_is_stable() {
    let schedule = Schedule::cosine(0.1, 0.0, 10).with_warmup(2);
    assert_eq!(
        serde_json::to_string(&schedule).unwrap(),
        r#"{"kind":"warmup","start":{"factor":0.0},"steps":2,"schedule":{"kind":"cosine","max":0.1,"min":0.0,"steps":10}}"#
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    assert_refuses("value = 0.1", &["kind"]);
    assert_refuses("kind = 'cosin'\nmax = 0.1", &["cosin", "cosine"]);
    assert_refuses("kind = 'linear'\nfrom = 0.1\nto = 0.0", &["`steps`"]);
    assert_refuses("kind = 'constant'\nvalue = 0.1\nvalu = 0.1", &["`valu`"]);
    assert_refuses("kind = 'constant'\nvalue = 'high'", &["high"]);
    assert_refuses(
        "kind = 'linear'\nfrom = 0.1\nto = 0.0\nsteps = -5",
        &["-5", "u64"],
    );
    assert_refuses(
        "kind = 'warmup'\nsteps = 1\nstart = { factr = 0.1 }\nschedule = { kind = 'constant', value = 1 }",
        &["`factr`", "`factor`"],
    );
    assert_refuses(
        "kind = 'sequential'\nphases = [{ steps = 1, step = 2, schedule = { kind = 'constant', value = 1 } }]\nlast = { kind = 'constant', value = 1 }",
        &["`step`"],
    );
}

#[test]
fn what_is_invalid_is_refused_by_name() {
    assert_refuses(
        "kind = 'linear'\nfrom = 0.1\nto = 0.0\nsteps = 0",
        &["`steps` is 0", "at least 1"],
    );
    assert_refuses(
        "kind = 'multi_step'\nbase = 0.1\ngamma = 0.5\nmilestones = [8, 5]",
        &["`milestones[1]` is 5"],
    );
    assert_refuses(
        "kind = 'sequential'\nphases = [{ steps = 1, schedule = { kind = 'exponential', base = 1, gamma = 0 } }]\nlast = { kind = 'constant', value = 1 }",
        &["`phases[0].schedule.gamma` is 0"],
    );
    let message = toml::from_str::<Schedule>("kind = 'constant'\nvalue = nan")
        .unwrap_err()
        .to_string();
    assert!(message.contains("`value` is NaN"), "{message}");
}
