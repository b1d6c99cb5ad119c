"""litellm's guardrails of its proxy: Presidio's, and the generic guardrail API."""

import asyncio
import os

# Nothing is looked up elsewhere.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["LITELLM_LOG"] = "CRITICAL"

import litellm
from checks import Server, check, equal, run
from litellm.caching.caching import DualCache
from litellm.exceptions import BlockedPiiEntityError, GuardrailRaisedException
from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.guardrails.guardrail_hooks.generic_guardrail_api.generic_guardrail_api import GenericGuardrailAPI
from litellm.proxy.guardrails.guardrail_hooks.presidio import _OPTIONAL_PresidioPIIMasking
from litellm.types.guardrails import PiiAction, PiiEntityType

litellm.suppress_debug_info = True

PII = Server("pii")
# Nothing listens there.
NOBODY = "http://127.0.0.1:9"

# Guardrails keep their connections, which belong to a loop.
LOOP = asyncio.new_event_loop()

CARD = "4111 1111 1111 1111"
MAIL = "ada.lovelace@example.com"


def presidio(url=PII.url, **more):
    return _OPTIONAL_PresidioPIIMasking(
        guardrail_name="pii",
        event_hook="pre_call",
        default_on=True,
        presidio_analyzer_api_base=url,
        presidio_anonymizer_api_base=url,
        **more,
    )


def called(guardrail, text):
    """The text of a chat completion after the hook in front of the call."""

    async def call():
        data = {"messages": [{"role": "user", "content": text}], "metadata": {}}
        await guardrail.async_pre_call_hook(UserAPIKeyAuth(), DualCache(), data, "completion")
        return data

    return LOOP.run_until_complete(call())


def content(data):
    return data["messages"][0]["content"]


def generic(url=PII.url, **more):
    return GenericGuardrailAPI(api_base=url, guardrail_name="pii", event_hook="pre_call", default_on=True, **more)


def applied(guardrail, inputs):
    """What the guardrail makes of texts."""

    async def call():
        return await guardrail.apply_guardrail(inputs, {}, "request")

    return LOOP.run_until_complete(call())


def raises(kind, call):
    try:
        answer = call()
    except kind as error:
        return str(error)
    raise AssertionError(f"answered {answer!r}, expected {kind.__name__}")


@check
def presidio_s_guardrail_masks_identifiers():
    guardrail = presidio()
    equal(content(called(guardrail, f"Charge {CARD} and mail {MAIL}.")), "Charge <CREDIT_CARD> and mail <EMAIL_ADDRESS>.")
    equal(content(called(guardrail, "Water boils at 100 degrees.")), "Water boils at 100 degrees.")


@check
def presidio_s_guardrail_masks_names():
    text = content(called(presidio(), "My name is Sarah Miller."))
    assert "Sarah" not in text and "Miller" not in text, text


@check
def presidio_s_guardrail_restores_what_it_has_masked():
    data = called(presidio(output_parse_pii=True), f"Charge {CARD}.")
    equal(content(data), "Charge <CREDIT_CARD_1>.")
    equal(data["metadata"]["pii_tokens"], {"<CREDIT_CARD_1>": CARD})


@check
def presidio_s_guardrail_masks_and_blocks_by_entity():
    config = {PiiEntityType.EMAIL_ADDRESS: PiiAction.MASK, PiiEntityType.CREDIT_CARD: PiiAction.BLOCK}
    guardrail = presidio(pii_entities_config=config)
    equal(content(called(guardrail, f"Mail {MAIL} at 192.0.2.7.")), "Mail <EMAIL_ADDRESS> at 192.0.2.7.")
    reason = raises(BlockedPiiEntityError, lambda: called(guardrail, f"Charge {CARD}."))
    assert CARD not in reason, reason


@check
def presidio_s_guardrail_fails_closed():
    config = {PiiEntityType.EMAIL_ADDRESS: PiiAction.MASK, "NO_SUCH_ENTITY": PiiAction.MASK}
    # An entity that nothing finds is refused: its values would pass.
    reason = raises(GuardrailRaisedException, lambda: called(presidio(pii_entities_config=config), f"Mail {MAIL}."))
    assert "422" in reason and MAIL not in reason, reason
    raises(Exception, lambda: called(presidio(NOBODY, output_parse_pii=True), f"Mail {MAIL}."))


@check
def the_generic_guardrail_redacts_each_text():
    answer = applied(generic(), {"texts": [f"Charge {CARD}.", "Water boils.", f"Mail {MAIL}."]})
    equal(answer["texts"], ["Charge [CREDIT_CARD].", "Water boils.", "Mail [EMAIL]."])
    equal(applied(generic(), {"texts": ["Water boils."]})["texts"], ["Water boils."])


@check
def the_generic_guardrail_takes_parameters():
    guardrail = generic(additional_provider_specific_params={"placeholder": "<{label}>", "block": ["CREDIT_CARD"]})
    equal(applied(guardrail, {"texts": [f"Mail {MAIL}."]})["texts"], ["Mail <EMAIL>."])
    reason = raises(GuardrailRaisedException, lambda: applied(guardrail, {"texts": [f"Charge {CARD}."]}))
    assert "CREDIT_CARD" in reason and CARD not in reason, reason


@check
def the_generic_guardrail_blocks_what_it_cannot_redact():
    raises(GuardrailRaisedException, lambda: applied(generic(), {"texts": [], "images": ["data:image/png;base64,AA=="]}))
    call = {"id": "call_1", "type": "function", "function": {"name": "pay", "arguments": f'{{"card": "{CARD}"}}'}}
    reason = raises(GuardrailRaisedException, lambda: applied(generic(), {"texts": [], "tool_calls": [call]}))
    assert "CREDIT_CARD" in reason and CARD not in reason, reason
    call["function"]["arguments"] = '{"unit": "degrees"}'
    equal(applied(generic(), {"texts": ["Water boils."], "tool_calls": [call]})["texts"], ["Water boils."])


@check
def the_generic_guardrail_fails_closed():
    raises(Exception, lambda: applied(generic(NOBODY), {"texts": [f"Mail {MAIL}."]}))
    raises(Exception, lambda: applied(generic(f"{PII.url}/nowhere"), {"texts": [f"Mail {MAIL}."]}))
    # More texts than a request may have.
    raises(Exception, lambda: applied(generic(), {"texts": [f"Mail {MAIL}."] * 257}))


run()
