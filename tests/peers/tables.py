"""Writes ../fixtures/tables.json: what scikit-learn makes of small tables."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

TRAIN = """\
length,weight,constant,year,island,sex
39.1,3750,0.1,2007,Torgersen,male
39.5,3800,0.1,2007,Torgersen,female
40.3,,0.1,2008,Biscoe,female
,3450,0.1,2009,"Dream, north",
36.7,3450,0.1,2010,Biscoe,female
1e3,-3650.5,0.1,99,Biscoe,male
"""

TEST = """\
length,weight,constant,year,island,sex
41.25,,0.3,2008,Biscoe,
,5000,0.1,99,"Dream, north",male
12,0,0.1,2007,Elsewhere,female
"""

train, test = (pd.read_csv(io.StringIO(text)) for text in (TRAIN, TEST))
numbers = ["length", "weight", "constant"]

# Scaled by the values that are there; those that are missing are at the mean, which is 0 then.
standard = StandardScaler().fit(train[numbers])
min_max = MinMaxScaler().fit(train[numbers])


def scaled(scaler, table):
    mean = pd.DataFrame(train[numbers].mean()).T
    filled = table[numbers].fillna(mean.iloc[0])
    return scaler.transform(filled).tolist()


islands = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(train[["island"]])
years = OneHotEncoder(sparse_output=False).fit(train[["year"]])
most_frequent = SimpleImputer(strategy="most_frequent", missing_values=np.nan).fit(train[["sex"]])
sexes = OneHotEncoder(sparse_output=False).fit(most_frequent.transform(train[["sex"]]))

result = {
    "versions": {"sklearn": sklearn.__version__, "pandas": pd.__version__},
    "train": TRAIN,
    "test": TEST,
    "standard": {"mean": standard.mean_.tolist(), "scale": standard.scale_.tolist()},
    "standard_train": scaled(standard, train),
    "standard_test": scaled(standard, test),
    "min_max_train": scaled(min_max, train),
    "min_max_test": scaled(min_max, test),
    "islands": islands.categories_[0].tolist(),
    "islands_train": islands.transform(train[["island"]]).tolist(),
    "islands_test": islands.transform(test[["island"]]).tolist(),
    "years": [str(year) for year in years.categories_[0].tolist()],
    "years_test": years.transform(test[["year"]]).tolist(),
    "sexes": sexes.categories_[0].tolist(),
    "sexes_train": sexes.transform(most_frequent.transform(train[["sex"]])).tolist(),
    "sexes_test": sexes.transform(most_frequent.transform(test[["sex"]])).tolist(),
}
to = Path(__file__).parent.parent / "fixtures" / "tables.json"
to.write_text(json.dumps(result, indent=1) + "\n")
