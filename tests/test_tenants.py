from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from llm_convert.contracts.tenant import TenantConfig
from llm_convert.errors import ConfigurationError
from llm_convert.stores.local import LocalObjectStore
from llm_convert.tenants import load_tenant, load_tenants_yaml, publish_tenant

FILE = """
defaults:
  timezone: Asia/Seoul
  transform_schedule: ["23"]
  sources: {drive: {id: s0, url: drive/default}}
tenants:
  - customer_code: c1
  - customer_code: c2
    transform_schedule: ["06:30"]
    sources: {mail: {id: s2, url: drive/c2, llm_transform: true}}
"""


def config(code, **more):
    return TenantConfig(customer_code=code, sources={"drive": {"id": "s1", "url": "d"}}, **more)


@pytest.fixture
def store(tmp_path):
    return LocalObjectStore(tmp_path / "store")


@pytest.fixture
def write(tmp_path):
    def write(text, name="tenants.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_tenants_replace_the_defaults_key_by_key(write):
    first, second = load_tenants_yaml(write(FILE))
    assert (first.customer_code, first.transform_schedule, set(first.sources)) == ("c1", ("23",), {"drive"})
    assert (second.transform_schedule, set(second.sources)) == (("06:30",), {"mail"})


def test_published_then_found_and_unchanged_is_not_written_again(store):
    assert publish_tenant(store, config("c1", customer_name="가나다"))
    assert not publish_tenant(store, config("c1", customer_name="가나다"))
    assert publish_tenant(store, config("c1", customer_name="라마바"))
    assert load_tenant(store, "c1", folder=None).customer_name == "라마바"


def test_a_file_wins_over_what_is_published(store, write):
    publish_tenant(store, config("c1", customer_name="published"))
    assert load_tenant(store, "c1", folder=write(FILE)).customer_name == ""


def test_a_folder_holds_lists_and_single_tenants(store, write):
    write(FILE, "yard/many.yaml")
    folder = write("customer_code: c3\nsources: {drive: {id: s, url: d}}", "yard/one.yml").parent
    write("no tenant at all: [", "yard/readme.txt")
    assert [load_tenant(store, code, folder=folder).customer_code for code in ("c2", "c3")] == ["c2", "c3"]


def test_unknown_names_the_known_of_both_places(store, write):
    publish_tenant(store, config("z9"))
    store.create("tenants/z9/items/abc/config.json", b"{}")
    with pytest.raises(ConfigurationError) as caught:
        load_tenant(store, "c11", folder=write(FILE))
    assert "unknown tenant 'c11'" in str(caught.value)
    assert str(caught.value).endswith("Did you mean 'c1'? Known: c1, c2, z9.")


def test_a_tenant_cannot_lead_out_of_its_prefix(store):
    with pytest.raises(ConfigurationError, match="is no code"):
        load_tenant(store, "../c1", folder=None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tenants: [", "is no YAML: .*line 2"),
        ("- a", "holds list"),
        ("", "holds NoneType"),
        ("tenants: 3", "'tenants' that is no list"),
        ("tenant: []\ntenants: []", "unknown key 'tenant'.*Did you mean 'tenants'"),
        ("tenants: [{customer_name: x}]", "tenant number 1 has the customer_code None"),
        ("tenants: [{customer_code: 12345678}]", "customer_code 12345678.*quoted text"),
        ("tenants: [3]", "tenant number 1 has the customer_code None"),
        ("tenants: [{customer_code: a}, {customer_code: a}]", "customer_code 'a' is given twice"),
        ("tenants: [{customer_code: a, dag_id: b}, {customer_code: b}]", "dag_id 'b' is given twice"),
        ("tenants: [{customer_code: a}]", "tenant a: sources is missing"),
        (FILE.replace('transform_schedule: ["06:30"]', "day_of_weak: '1'"), "tenant c2.*Did you mean 'day_of_week'"),
        (FILE.replace("06:30", "25"), "tenant c2.*transform_schedule holds '25'"),
    ],
)
def test_faults_name_the_file_and_the_tenant(write, text, said):
    path = write(text)
    with pytest.raises(ConfigurationError, match=said) as caught:
        load_tenants_yaml(path)
    assert str(path) in str(caught.value)


def test_a_place_that_is_not_there(store, tmp_path):
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_tenant(store, "c1", folder=tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_tenants_yaml(Path(tmp_path / "nowhere.yaml"))


def test_one_tenant_in_two_files(store, write):
    write(FILE, "yard/a.yaml")
    folder = write(FILE, "yard/b.yaml").parent
    with pytest.raises(ConfigurationError, match="tenant 'c1' is in"):
        load_tenant(store, "c1", folder=folder)


@pytest.mark.parametrize("stored", [b"{", b'{"customer_code": "c1", "old_key": 1}'])
def test_a_stored_configuration_that_cannot_be_read_says_where_it_is(store, stored):
    store.create("tenants/c1/config.json", stored)
    with pytest.raises(ConfigurationError, match=r"tenants/c1/config\.json"):
        load_tenant(store, "c1", folder=None)


@limits(max_examples=60, deadline=None)
@given(data=st.binary(max_size=60) | st.text("customer_code:[]{}-&*!\n 'tenants", max_size=60).map(str.encode))
def test_any_bytes_are_tenants_or_an_error_with_the_file(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("yaml") / "tenants.yaml"
    path.write_bytes(data)
    try:
        found = load_tenants_yaml(path)
    except ConfigurationError as error:
        found, said = [], str(error)
    else:
        said = str(path)
    assert str(path) in said
    assert all(isinstance(config, TenantConfig) for config in found)
