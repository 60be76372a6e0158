"""No part of a password is shown, whatever signs it is made of, and the rest of the address is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.addresses import without_credentials

SIGNS = st.text(st.sampled_from("ab1@/:?#%\\ \n"))
SCHEMES = st.sampled_from(["http://", "https://", "postgresql+psycopg://", "HTTP://", ""])


@given(SCHEMES, st.text(st.sampled_from("ann._"), min_size=1), SIGNS)
def test_user_and_password_are_left_out_whole(scheme, user, password):
    host = "mlflow.example:5000/x"
    assert without_credentials(f"{scheme}{user}:{password}@{host}") == f"{scheme}{host}"


@given(SIGNS, st.sampled_from(["http:/", "http:", "//", ":", "/"]))
def test_nothing_of_a_password_is_left_where_the_address_is_written_wrongly(password, scheme):
    assert without_credentials(f"{scheme}ann:{password}@host") == "host"


@pytest.mark.parametrize("address", ["http://127.0.0.1:5000", "sqlite:////home/ann/mlflow.db", "localhost:4200", ""])
def test_an_address_without_credentials_stays_as_it_is(address):
    assert without_credentials(address) == address
