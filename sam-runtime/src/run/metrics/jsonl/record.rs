//! A record as one flat JSON object.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};

use super::super::record::{FIELDS, Record, names};
use crate::run::number::Number;

const STEP: &str = FIELDS[0];
const EPOCH: &str = FIELDS[1];
const SECONDS: &str = FIELDS[2];
const SPLIT: &str = FIELDS[3];

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(STEP, &self.step)?;
        map.serialize_entry(EPOCH, &Number(self.epoch))?;
        map.serialize_entry(SECONDS, &Number(self.seconds))?;
        map.serialize_entry(SPLIT, &self.split)?;
        for (name, value) in self.values() {
            map.serialize_entry(name, &Number(value))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reader)
    }
}

struct Reader;

impl<'de> de::Visitor<'de> for Reader {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(
            "a record, such as {\"step\":1,\"epoch\":0.1,\"seconds\":2.5,\"split\":\"train\"}",
        )
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
        let (mut step, mut epoch, mut seconds, mut split) = (None, None, None, None);
        let mut record = Record::new(0, 0.0, "");
        while let Some(name) = map.next_key::<String>()? {
            let twice = match &*name {
                STEP => step.replace(map.next_value::<u64>()?).is_some(),
                EPOCH => epoch.replace(map.next_value::<Number>()?).is_some(),
                SECONDS => seconds.replace(map.next_value::<Number>()?).is_some(),
                SPLIT => split.replace(map.next_value::<String>()?).is_some(),
                _ => {
                    let twice = record.get(&name).is_some();
                    record.set(known(&name), map.next_value::<Number>()?.0);
                    twice
                }
            };
            if twice {
                return Err(de::Error::custom(format_args!("`{name}` is there twice")));
            }
        }
        let missing = de::Error::missing_field;
        record.step = step.ok_or_else(|| missing(STEP))?;
        record.epoch = epoch.ok_or_else(|| missing(EPOCH))?.0;
        record.seconds = seconds.ok_or_else(|| missing(SECONDS))?.0;
        record.split = split.ok_or_else(|| missing(SPLIT))?.into();
        Ok(record)
    }
}

/// Usual names take no memory of their own.
fn known(name: &str) -> Cow<'static, str> {
    let known = names::ORDER.into_iter().find(|known| *known == name);
    known.map_or_else(|| name.to_owned().into(), Cow::Borrowed)
}
