"""The words of error bodies: statuses, codes and sentences of many servers, and what they mean.

They come from OpenAI, Azure, Anthropic, Gemini, xAI, DeepSeek, Mistral, Groq, OpenRouter, LiteLLM, vLLM, SGLang,
llama.cpp, Ollama, LM Studio and text-generation-inference, from documentation, sources and bug reports read 2026-11-29.
"""

from __future__ import annotations

import re

from chat.llm.events import Code
from chat.llm.provider import request as parts

STATUSES: dict[int, Code] = {
    401: Code.UNAUTHORIZED,
    402: Code.QUOTA_EXCEEDED,
    403: Code.FORBIDDEN,
    404: Code.WRONG_API,
    405: Code.WRONG_API,
    408: Code.PROVIDER_ERROR,
    409: Code.PROVIDER_ERROR,
    413: Code.CONTEXT_TOO_LONG,
    429: Code.RATE_LIMITED,
    500: Code.PROVIDER_ERROR,
    501: Code.WRONG_API,
    503: Code.OVERLOADED,
    # Cloudflare: the server behind it is down, unreachable, or has no valid certificate
    521: Code.UNREACHABLE,
    522: Code.UNREACHABLE,
    523: Code.UNREACHABLE,
    525: Code.UNREACHABLE,
    526: Code.UNREACHABLE,
    529: Code.OVERLOADED,
    530: Code.UNREACHABLE,
}
# By `error_bodies.code_word`. These say exactly what is wrong.
EXACT_CODES: dict[str, Code] = {
    "contextlengthexceeded": Code.CONTEXT_TOO_LONG,
    "contextwindowexceeded": Code.CONTEXT_TOO_LONG,
    "exceedcontextsize": Code.CONTEXT_TOO_LONG,
    "tokenslimitreached": Code.CONTEXT_TOO_LONG,
    "modelmaxprompttokensexceeded": Code.CONTEXT_TOO_LONG,
    "requesttoolarge": Code.CONTEXT_TOO_LONG,
    "insufficientquota": Code.QUOTA_EXCEEDED,
    "insufficientcredits": Code.QUOTA_EXCEEDED,
    "insufficientbalance": Code.QUOTA_EXCEEDED,
    "billinghardlimitreached": Code.QUOTA_EXCEEDED,
    "billingnotactive": Code.QUOTA_EXCEEDED,
    "billing": Code.QUOTA_EXCEEDED,
    "budgetexceeded": Code.QUOTA_EXCEEDED,
    "exceededcurrentquota": Code.QUOTA_EXCEEDED,
    "arrearage": Code.QUOTA_EXCEEDED,
    "accountoverdue": Code.QUOTA_EXCEEDED,
    "modelnotfound": Code.MODEL_NOT_FOUND,
    "modelnotavailable": Code.MODEL_NOT_FOUND,
    "modeldecommissioned": Code.MODEL_NOT_FOUND,
    "deploymentnotfound": Code.MODEL_NOT_FOUND,
    "invalidmodel": Code.MODEL_NOT_FOUND,
    "unknownmodel": Code.MODEL_NOT_FOUND,
    "modelnotopen": Code.MODEL_NOT_FOUND,
    "contentfilter": Code.MODERATED,
    "contentpolicyviolation": Code.MODERATED,
    "responsibleaipolicyviolation": Code.MODERATED,
    "datainspectionfailed": Code.MODERATED,
    "moderationblocked": Code.MODERATED,
    "invalidprompt": Code.MODERATED,
    "invalidapikey": Code.UNAUTHORIZED,
    "apikeyinvalid": Code.UNAUTHORIZED,
    "incorrectapikey": Code.UNAUTHORIZED,
    "keymodelaccessdenied": Code.FORBIDDEN,
    "teammodelaccessdenied": Code.FORBIDDEN,
    "missingscope": Code.FORBIDDEN,
    "unsupportedcountryregionterritory": Code.FORBIDDEN,
    "serverisoverloaded": Code.OVERLOADED,
    "overloaded": Code.OVERLOADED,
    "engineoverloaded": Code.OVERLOADED,
    "slowdown": Code.OVERLOADED,
    "nocapacity": Code.OVERLOADED,
    "servicetiercapacityexceeded": Code.OVERLOADED,
}
# These name only a class of errors, so a sentence beside them takes precedence.
CLASS_CODES: dict[str, Code] = {
    "ratelimit": Code.RATE_LIMITED,
    "ratelimitexceeded": Code.RATE_LIMITED,
    "ratelimitreached": Code.RATE_LIMITED,
    "resourceexhausted": Code.RATE_LIMITED,
    "toomanyrequests": Code.RATE_LIMITED,
    "throttling": Code.RATE_LIMITED,
    "authentication": Code.UNAUTHORIZED,
    "unauthenticated": Code.UNAUTHORIZED,
    "unauthorized": Code.UNAUTHORIZED,
    "permissiondenied": Code.FORBIDDEN,
    "permission": Code.FORBIDDEN,
    "accessdenied": Code.FORBIDDEN,
    "unavailable": Code.OVERLOADED,
    "serviceunavailable": Code.OVERLOADED,
    "server": Code.PROVIDER_ERROR,
    "internalserver": Code.PROVIDER_ERROR,
    "api": Code.PROVIDER_ERROR,
    "invalidrequest": Code.BAD_REQUEST,
    "badrequest": Code.BAD_REQUEST,
    "invalidargument": Code.BAD_REQUEST,
    "unprocessableentity": Code.BAD_REQUEST,
    "unsupportedparams": Code.BAD_REQUEST,
}
MAX_TOKENS = r"max_?(?:output|completion|new)?_?tokens"
# Alternatives in the text in lower case; the first code that matches counts.
SENTENCES: tuple[tuple[Code, tuple[str, ...]], ...] = (
    (
        Code.QUOTA_EXCEEDED,
        (
            r"insufficient (?:account )?(?:balance|credit|fund|quota)",
            r"credit balance is too low",
            r"requires more credits",
            r"out of credits?\b",
            r"(?:any|purchase|add|no) credits\b",
            r"credit limit",
            r"check your plan and billing",
            r"exceeded your (?:current quota|monthly)",
            r"budget has been exceeded",
            r"exceeded ?budget",
            r"spend(?:ing)? limit",
            r"key limit exceeded",
            r"billing hard limit",
            r"check your billing",
            r"in good standing",
            r"payment required",
            r"overdue",
            r"余额不足",
            r"欠费",
        ),
    ),
    (
        Code.WRONG_API,
        (
            r"invalid url \(",
            r"cannot post /",
            r"unexpected endpoint",
            r"unrecognized request url",
            r"no route matched",
            r"file not found",
            r"(?:page|path|endpoint|route|url) (?:was )?not found",
            r"only supports? the chat completions",
        ),
    ),
    (
        Code.TOOLS_UNSUPPORTED,
        (
            r"(?:not|n't) support (?:the )?(?:use of )?(?:`?tools?\b|`?tool[ _-]|function)",
            r"that support tool use",
            r"that support the provided 'tool",
            r"(?:tools?|tool[ _](?:use|calling|calls|choice)|function[ _]call(?:ing|s)?)`? (?:is|are) "
            r"(?:not|un)[ -]?(?:supported|enabled|available)",
            r"enable-auto-tool-choice",
            r"tools param requires",
        ),
    ),
    (
        Code.CONTEXT_TOO_LONG,
        (
            r"context (?:length|window|size|limit)",
            r"maximum (?:context|prompt|input) length",
            r"(?:prompt|input|message) is too (?:long|large)",
            r"tokens exceed the configured limit",
            r"(?:input|prompt) token count",
            r"reduce (?:the length of |your )(?:the )?(?:messages?|prompt|input)",
            r"token limit",
            r"too many (?:input |prompt )?tokens(?! per|, please wait)",  # Bedrock: of all requests, per minute or day
            r"`inputs` tokens",
            r"too long for",
            r"request (?:body )?too large",
            r"input tokens must be reduced",
            r"range of input length",
            r"larger than the context",
            r"greater than the context",
            r"max_model_len",
        ),
    ),
    (
        Code.MODEL_NOT_FOUND,
        (
            r"model\b.{0,200}?(?:does not exist|(?:is |was )?not (?:be )?found|not exist|not available|not a valid)",
            r"model\b.{0,200}?(?:no longer (?:available|supported)|deprecated|decommissioned|retired|been shut)",
            r"(?:no such|unknown|invalid) model",
            r"not a valid model",
            r"no models? loaded",
            r"no endpoints found",
            r"deployment\b.{0,80}does not exist",
            r"pulling it first",
            r"no healthy deployments",
            r"模型不存在",
        ),
    ),
    (
        Code.MODERATED,
        (
            r"content management policy",
            r"content[ _-]?(?:filter|policy)",
            r"flagged",
            r"safety system",
            r"usage polic",
            r"considered high risk",
            r"inappropriate content",
            r"moderation",
        ),
    ),
    (
        Code.FORBIDDEN,
        (
            r"insufficient permission",
            r"(?:organization|account|user) (?:is|has been) (?:disabled|deactivated|suspended)",
            r"missing scopes?",
            r"not allowed to access",
            r"not have (?:access|permission)",
            r"permission denied",
            r"lacks? (?:the )?(?:required|permission)",
            r"region,? or territory",
            r"location is not supported",
            r"not authorized to",
        ),
    ),
    (
        Code.UNAUTHORIZED,
        (
            r"(?:incorrect|invalid|wrong|expired|no|missing) (?:x-)?"
            r"(?:api[ -]?key|subscription key|auth|access token|token\b|authorization)",
            r"api key not valid",
            r"authentication fail",
            r"access token is missing",
            r"unauthorized",
        ),
    ),
    (
        Code.UNREACHABLE,
        (
            r"connection refused",
            r"econnrefused",
            r"no route to host",
            r"name or service not known",
            r"no such host",
            r"dial tcp",
            r"connect error or disconnect",
        ),
    ),
    (
        Code.OVERLOADED,
        (
            r"overloaded",
            r"loading model",
            r"model is (?:currently )?loading",
            r"warming up",
            r"server (?:is )?busy",
            r"maximum pending requests",
            r"(?:at|no) capacity",
            r"capacity exceeded",
            r"high demand",
            r"temporarily unavailable",
            r"no available model provider",
        ),
    ),
    (
        Code.RATE_LIMITED,
        (
            r"rate[ _-]?limit",
            r"too many requests",
            r"throttl",
            r"try again in \d",
            r"quota exceeded for",
        ),
    ),
)

# Numbers of tokens in sentences: the first pattern that matches counts.
_NUMBER = r"(\d[\d,_]*\d|\d)"
CONTEXT = (
    rf"\d > {_NUMBER}",
    rf"tokens > {_NUMBER}",
    rf"context size \({_NUMBER}",
    rf"max_model_len {_NUMBER}",
    rf"(?:context (?:length|size|window|limit)|(?:prompt|input) length|limit|max size)"
    rf"(?: of| is| only|:)*(?: of)? \(?{_NUMBER}",
    rf"must be <= {_NUMBER}",
    rf"tokens allowed \({_NUMBER}",
    rf"with {_NUMBER} maximum",
    rf"length should be \[\d+, ?{_NUMBER}\]",
    rf"prompt cannot exceed {_NUMBER}",
)
PROMPT = (
    rf"{_NUMBER} (?:tokens )?(?:in|from) the (?:input )?messages",
    rf"has {_NUMBER} input tokens",
    rf"{_NUMBER} `inputs` tokens",
    rf"context limit: {_NUMBER} \+",
    rf"{_NUMBER} tokens >",
    rf"(?:request contains|resulted in|prompt contains|request \(|token count \(|input \(|prompt length) ?{_NUMBER}",
)
OUTPUT = (
    rf"to {_NUMBER} \(exclusive\)",
    rf"{MAX_TOKENS}\b[^.]*\[\d+, ?{_NUMBER}\]",
    rf"(?:<=|at most|less than or equal to|not exceed|maximum (?:value )?(?:allowed )?(?:is|of)|up to|≤)"
    rf"[^\d]{{0,12}}{_NUMBER}",
    rf"\d > {_NUMBER}",
)
ABOUT_OUTPUT = re.compile(rf"\b{MAX_TOKENS}\b|completion tokens|(?:in|for) the completion")
TOO_LARGE = re.compile(
    r"too (?:large|big|high)|above (?:the )?max|exceed|greater than|less than or equal|at most|range|> "
)
MIN_ROOM = 256  # tokens: with less room for an answer the history is shortened instead

# The parts of a request, the most specific first: names that mean nothing else, and names that are also plain words.
PARTS: tuple[tuple[str, str, str], ...] = (
    (parts.REASONING_SUMMARY, r"reasoning\.summary|generate_summary|reasoning summar(?:y|ies)", "summary"),
    (parts.REASONING_EFFORT, r"reasoning\.effort|reasoning_effort", "effort"),
    (parts.INCLUDE, r"reasoning\.encrypted_content|encrypted content is not supported", "include"),
    (parts.TEXT_FORMAT, r"text\.format|response_format|json_schema|structured outputs?", "text"),
    (parts.PROMPT_CACHE_KEY, r"prompt_?cache_?key", "prompt_cache_key"),
    (parts.METADATA, r"metadata\.", "metadata"),
    (parts.PREVIOUS_RESPONSE_ID, r"previous[ _]response", "previous_response_id"),
    (parts.STORE, r"store=", "store"),
    (parts.MAX_OUTPUT_TOKENS, MAX_TOKENS, "max_output_tokens"),
    (parts.REASONING, r"support thinking", "reasoning|thinking"),
    (parts.TOOLS, r"tool_choice|schema for function", r"tools?(?:\[\d+\])?"),
)
HISTORY = (
    (
        parts.HISTORY_REASONING,
        r"encrypted[ _]content|\brs_\w+|of type '?reasoning'?|reasoning(?:[ _]items?|_content)\b"
        r"|item\['content'\] is not an|thinking (?:block|mode)",
    ),
    (parts.HISTORY_TOOLS, r"function_call|tool_call|tool (?:call|output|result)|role '?tool"),
)
MENTION = "|".join(
    (
        r"(?:['\"`(\[]|(?:parameters?|arguments?|fields?|property|supplied):? ['\"`]?)(?:{word})(?:['\"`)\].]|$)",
        r"\b(?:{word}): extra inputs",
    )
)
