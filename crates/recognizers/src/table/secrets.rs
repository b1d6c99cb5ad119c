//! Keys, tokens and passwords.

use crate::checks::{any, secrets};
use crate::recognizer::{Edges, Recognizer, Verdict};

const fn secret(name: &'static str, pattern: &'static str, source: &'static str) -> Recognizer {
    with(name, pattern, secrets::random, source)
}

const fn with(
    name: &'static str,
    pattern: &'static str,
    check: fn(&[u8]) -> Verdict,
    source: &'static str,
) -> Recognizer {
    Recognizer::new(name, "SECRET", pattern, check).scores(0.9, 1.0).source(source)
}

pub(super) const ROWS: &[Recognizer] = &[
    Recognizer::new(
        "private_key",
        "PRIVATE_KEY",
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:(?:[^\-]|-[^\-])*-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----|(?:\s+[A-Za-z0-9+/=]{16,80})*)",
        any,
    )
    .scores(1.0, 1.0)
    .edges(Edges::Open)
    .long()
    .source("RFC 7468, RFC 9580")
    .examples(&["-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\n-----END PRIVATE KEY-----"]),
    secret("aws_access_key", r"(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA)[A-Z2-7]{16}", "AWS IAM, unique identifiers")
        .examples(&["AKIAIOSFODNN7EXAMPLE"]),
    secret("aws_secret_key", r"[A-Za-z0-9/+]{40}", "AWS IAM, secret access keys")
        .scores(0.2, 0.2)
        .context(&["aws", "secret", "secretaccesskey", "aws_secret_access_key", "amazon"])
        .examples(&["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"]),
    with("github_token", r"gh[pousr]_[A-Za-z0-9]{36}", secrets::base62_crc, "GitHub, token formats")
        .examples(&["ghp_16C7e42F292c6912E7710c838347Ae178B4a"]),
    secret("github_fine_grained_token", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}", "GitHub, token formats")
        .examples(&["github_pat_11ABCDEFG0abcdefghijkl_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"]),
    secret("gitlab_token", r"gl(?:pat|dt|rt|ft|cbt|ptt|imt|agent|soat)-[A-Za-z0-9_\-]{20,}(?:\.[A-Za-z0-9.]+)?", "GitLab, token overview")
        .examples(&["glpat-1234567890abcdefGHIJ"]),
    secret("slack_token", r"xox[abposr]-(?:[A-Za-z0-9]+-)*[A-Za-z0-9]{10,}|xapp-\d-[A-Za-z0-9]+-\d+-[A-Za-z0-9]+", "Slack, token types")
        .examples(&["xoxb-1234567890-abcdefGHIJKL0123"]),
    secret("slack_webhook", r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9+/]{20,}", "Slack, incoming webhooks")
        .examples(&["https://hooks.slack.com/services/T00000001/B00000002/abcdefGHIJKL0123"]),
    secret("stripe_key", r"(?:sk|rk|whsec)_(?:(?:live|test)_)?[A-Za-z0-9]{16,}", "Stripe, API keys")
        .examples(&["sk_test_4eC39HqLyjWDarjtT1zdp7dc"]),
    secret("openai_key", r"sk-(?:proj-|svcacct-|admin-|ant-(?:api|admin)\d{2}-|or-v1-)?[A-Za-z0-9_\-]{20,}", "OpenAI, Anthropic, OpenRouter, API keys")
        .examples(&["sk-proj-abcdefGHIJKL0123456789", "sk-ant-api03-abcdefGHIJKL0123456789"]),
    secret("google_api_key", r"AIza[A-Za-z0-9_\-]{35}", "Google Cloud, API keys")
        .examples(&["AIzaSyA1234567890abcdefghijklmnopqrstuv"]),
    secret("google_oauth_secret", r"GOCSPX-[A-Za-z0-9_\-]{28}|ya29\.[A-Za-z0-9_\-]{20,}", "Google Cloud, OAuth")
        .examples(&["GOCSPX-abcdefghijklmnopqrstuvwxyz12"]),
    with("npm_token", r"npm_[A-Za-z0-9]{36}", secrets::base62_crc, "npm, token formats")
        .examples(&["npm_abcdefghijklmnopqrstuvwxyz0123456789"]),
    secret("pypi_token", r"pypi-AgE[A-Za-z0-9_\-]{50,}", "PyPI, API tokens")
        .examples(&["pypi-AgEIcHlwaS5vcmcCJDEyMzQ1Njc4LWFiY2QtZWZnaC1pamtsLW1ub3BxcnN0dXZ3eA"]),
    secret("sendgrid_key", r"SG\.[A-Za-z0-9_\-]{22}\.[A-Za-z0-9_\-]{43}", "SendGrid, API keys")
        .examples(&["SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"]),
    secret("twilio_key", r"(?:SK|AC)[0-9a-f]{32}", "Twilio, API keys")
        .examples(&["SK0123456789abcdef0123456789abcdef"]),
    secret("telegram_token", r"\d{8,10}:AA[A-Za-z0-9_\-]{33}", "Telegram, Bot API")
        .examples(&["110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"]),
    secret("hugging_face_token", r"(?:hf|api_org)_[A-Za-z]{34}", "Hugging Face, user access tokens")
        .examples(&["hf_abcdefghijklmnopqrstuvwxyzABCDEFGH"]),
    secret("digitalocean_token", r"do[opr]_v1_[0-9a-f]{64}", "DigitalOcean, API tokens")
        .examples(&["dop_v1_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]),
    secret("shopify_token", r"shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}", "Shopify, access tokens")
        .examples(&["shpat_0123456789abcdef0123456789abcdef"]),
    secret("databricks_token", r"dapi[0-9a-f]{32}(?:-\d)?", "Databricks, personal access tokens")
        .examples(&["dapi0123456789abcdef0123456789abcdef"]),
    secret("azure_storage_key", r"[A-Za-z0-9/+]{86}==", "Azure Storage, account keys")
        .edges(Edges::Open)
        .examples(&["abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx=="]),
    secret("vault_token", r"hv[sbr]\.[A-Za-z0-9_\-]{24,}", "HashiCorp Vault, token prefixes")
        .examples(&["hvs.abcdefghijklmnopqrstuvwxyz"]),
    secret("grafana_token", r"gl(?:sa|c)_[A-Za-z0-9]{32,}(?:_[0-9a-f]{8})?", "Grafana, service account tokens")
        .examples(&["glsa_abcdefghijklmnopqrstuvwxyz012345_0a1b2c3d"]),
    secret("age_key", r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}", "age, secret keys")
        .examples(&["AGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHC"]),
    with("jwt", r"eyJ[A-Za-z0-9_\-]+\.eyJ[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]*", secrets::jwt, "RFC 7519")
        .edges(Edges::Open)
        .long()
        .examples(&["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"]),
    with(
        "url_with_password",
        r"(?:https?|ftps?|sftp|ssh|smtps?|ldaps?|postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|mqtts?)://[A-Za-z0-9._~%!$&'()*+,;=\-]*:[A-Za-z0-9._~%!$&'()*+,;=\-]+@[A-Za-z0-9.\-\[\]:]+(?:/[A-Za-z0-9._~%/\-]*)?",
        secrets::url_password,
        "RFC 3986, section 3.2.1",
    )
    .edges(Edges::Open)
    .examples(&["postgres://app:s3cr3t@db.example.com:5432/main"]),
];
