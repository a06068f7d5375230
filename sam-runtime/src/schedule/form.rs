//! The form of schedules in configuration files.
//!
//! It stands apart from [`Schedule`] so that the only public way in runs the validation, once and
//! from the outermost schedule, whose errors then tell the whole way to the field.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::construct::{DIV_FACTOR, FINAL_DIV_FACTOR, PCT_START};
use super::{Phase, Schedule, WarmupStart};

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Form::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let schedule = read(deserializer)?;
        schedule.validate().map_err(D::Error::custom)?;
        Ok(schedule)
    }
}

/// A schedule that is not yet validated: a table with its `kind`, or a number, which is a constant one.
fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Schedule, D::Error> {
    struct TableOrNumber;

    impl<'de> Visitor<'de> for TableOrNumber {
        type Value = Schedule;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number, or a table such as { kind = \"constant\", value = 0.05 }")
        }

        fn visit_f64<E: Error>(self, value: f64) -> Result<Schedule, E> {
            Ok(Schedule::Constant { value })
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<Schedule, E> {
            self.visit_f64(value as f64)
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<Schedule, E> {
            self.visit_f64(value as f64)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Schedule, A::Error> {
            Form::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_any(TableOrNumber)
}

/// Mirrors [`Schedule`]; the compiler compares the two.
#[derive(Serialize, Deserialize)]
#[serde(
    remote = "Schedule",
    tag = "kind",
    rename_all = "snake_case",
    deny_unknown_fields
)]
enum Form {
    Constant {
        value: f64,
    },
    Linear {
        from: f64,
        to: f64,
        steps: u64,
    },
    Cosine {
        max: f64,
        #[serde(default)]
        min: f64,
        steps: u64,
    },
    CosineRestarts {
        max: f64,
        #[serde(default)]
        min: f64,
        first_period: u64,
        #[serde(default = "one")]
        period_multiplier: u64,
    },
    Step {
        base: f64,
        gamma: f64,
        every: u64,
    },
    MultiStep {
        base: f64,
        gamma: f64,
        milestones: Vec<u64>,
    },
    Exponential {
        base: f64,
        gamma: f64,
        #[serde(default = "one")]
        per: u64,
    },
    Polynomial {
        from: f64,
        to: f64,
        steps: u64,
        power: f64,
    },
    OneCycle {
        max: f64,
        steps: u64,
        #[serde(default = "div_factor")]
        div_factor: f64,
        #[serde(default = "final_div_factor")]
        final_div_factor: f64,
        #[serde(default = "pct_start")]
        pct_start: f64,
    },
    Noam {
        model_dim: u64,
        warmup: u64,
        #[serde(default = "unit")]
        factor: f64,
    },
    Warmup {
        #[serde(default = "from_zero")]
        start: WarmupStart,
        steps: u64,
        #[serde(deserialize_with = "inner")]
        schedule: Box<Schedule>,
    },
    Sequential {
        #[serde(deserialize_with = "phases")]
        phases: Vec<Phase>,
        #[serde(deserialize_with = "inner")]
        last: Box<Schedule>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PhaseForm {
    #[serde(deserialize_with = "read")]
    schedule: Schedule,
    steps: u64,
}

fn inner<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<Schedule>, D::Error> {
    read(deserializer).map(Box::new)
}

fn phases<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Phase>, D::Error> {
    let forms = Vec::<PhaseForm>::deserialize(deserializer)?;
    Ok(forms
        .into_iter()
        .map(|PhaseForm { schedule, steps }| Phase { schedule, steps })
        .collect())
}

fn one() -> u64 {
    1
}

fn unit() -> f64 {
    1.0
}

fn div_factor() -> f64 {
    DIV_FACTOR
}

fn final_div_factor() -> f64 {
    FINAL_DIV_FACTOR
}

fn pct_start() -> f64 {
    PCT_START
}

fn from_zero() -> WarmupStart {
    WarmupStart::Factor(0.0)
}
