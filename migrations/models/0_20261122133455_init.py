from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE IF NOT EXISTS "users" (
    "id" UUID NOT NULL PRIMARY KEY,
    "email" VARCHAR(254) NOT NULL UNIQUE,
    "password_hash" VARCHAR(255) NOT NULL,
    "display_name" VARCHAR(100) NOT NULL,
    "is_active" BOOL NOT NULL,
    "is_staff" BOOL NOT NULL,
    "email_verified" BOOL NOT NULL,
    "verification_sent_at" TIMESTAMPTZ,
    "verification_resends" INT NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "last_seen_at" TIMESTAMPTZ
);
COMMENT ON TABLE "users" IS 'A person, known by a lower-cased e-mail address.';
CREATE TABLE IF NOT EXISTS "auth_session" (
    "id" UUID NOT NULL PRIMARY KEY,
    "token_sha256" VARCHAR(64) NOT NULL UNIQUE,
    "created_at" TIMESTAMPTZ NOT NULL,
    "last_seen_at" TIMESTAMPTZ NOT NULL,
    "authenticated_at" TIMESTAMPTZ NOT NULL,
    "ip" VARCHAR(45) NOT NULL,
    "user_agent" VARCHAR(255) NOT NULL,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS "idx_auth_sessio_user_id_658197" ON "auth_session" ("user_id");
COMMENT ON TABLE "auth_session" IS 'One place where a user is logged in. The cookie''s token is known here by its SHA-256 only.';
CREATE TABLE IF NOT EXISTS "chat_thread" (
    "id" UUID NOT NULL PRIMARY KEY,
    "title" VARCHAR(255) NOT NULL,
    "archived" BOOL NOT NULL,
    "rev" INT NOT NULL,
    "fence" BIGINT NOT NULL,
    "log_epoch" VARCHAR(8) NOT NULL,
    "log_s" BIGINT NOT NULL,
    "message_count" INT NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "last_message_at" TIMESTAMPTZ NOT NULL,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS "idx_chat_thread_user_id_212676" ON "chat_thread" ("user_id", "last_message_at");
COMMENT ON TABLE "chat_thread" IS 'A conversation.';
CREATE TABLE IF NOT EXISTS "chat_message" (
    "id" UUID NOT NULL PRIMARY KEY,
    "number" INT NOT NULL,
    "role" VARCHAR(10) NOT NULL,
    "status" VARCHAR(12) NOT NULL,
    "content" TEXT NOT NULL,
    "error" TEXT NOT NULL,
    "token_count" INT,
    "client_id" UUID,
    "created_at" TIMESTAMPTZ NOT NULL,
    "thread_id" UUID NOT NULL REFERENCES "chat_thread" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_chat_messag_thread__d8fd1b" UNIQUE ("thread_id", "number"),
    CONSTRAINT "uid_chat_messag_thread__7ed0ab" UNIQUE ("thread_id", "client_id")
);
COMMENT ON COLUMN "chat_message"."role" IS 'USER: user\nASSISTANT: assistant\nSYSTEM: system\nTOOL: tool';
COMMENT ON COLUMN "chat_message"."status" IS 'STREAMING: streaming\nFINAL: final\nSTOPPED: stopped\nINTERRUPTED: interrupted\nERROR: error';
COMMENT ON TABLE "chat_message" IS 'One message; `number` is its place in the thread, from 1, given under the thread''s row lock.';
CREATE TABLE IF NOT EXISTS "email_verification_token" (
    "id" UUID NOT NULL PRIMARY KEY,
    "token_sha256" VARCHAR(64) NOT NULL UNIQUE,
    "email" VARCHAR(254) NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS "idx_email_verif_user_id_3b1497" ON "email_verification_token" ("user_id");
COMMENT ON TABLE "email_verification_token" IS 'A mailed link that confirms an address; single use, and only the newest of a user works.';
CREATE TABLE IF NOT EXISTS "generation" (
    "id" UUID NOT NULL PRIMARY KEY,
    "attempt" INT NOT NULL,
    "takeovers" INT NOT NULL,
    "state" VARCHAR(12) NOT NULL,
    "owner" VARCHAR(64),
    "fence" BIGINT NOT NULL,
    "lease_until" TIMESTAMPTZ,
    "request_at" TIMESTAMPTZ,
    "response_id" VARCHAR(128),
    "up_seq" INT NOT NULL,
    "partial" TEXT NOT NULL,
    "partial_len" INT NOT NULL,
    "ckpt_epoch" VARCHAR(8) NOT NULL,
    "ckpt_s" BIGINT NOT NULL,
    "cancel_at" TIMESTAMPTZ,
    "reason" VARCHAR(40) NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "finished_at" TIMESTAMPTZ,
    "answer_id" UUID NOT NULL REFERENCES "chat_message" ("id") ON DELETE CASCADE,
    "thread_id" UUID NOT NULL REFERENCES "chat_thread" ("id") ON DELETE CASCADE,
    "user_message_id" UUID NOT NULL REFERENCES "chat_message" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_generation_user_me_8a603a" UNIQUE ("user_message_id", "attempt")
);
CREATE INDEX IF NOT EXISTS "idx_generation_answer__3a480e" ON "generation" ("answer_id");
CREATE INDEX IF NOT EXISTS "idx_generation_thread__1721be" ON "generation" ("thread_id");
COMMENT ON COLUMN "generation"."state" IS 'QUEUED: queued\nRUNNING: running\nCOMPLETED: completed\nINTERRUPTED: interrupted\nFAILED: failed\nCANCELLED: cancelled';
COMMENT ON TABLE "generation" IS 'One attempt at an answer.';
CREATE TABLE IF NOT EXISTS "llm_call_log" (
    "id" UUID NOT NULL PRIMARY KEY,
    "round" INT NOT NULL,
    "response_id" VARCHAR(128) UNIQUE,
    "request_id" VARCHAR(128) NOT NULL,
    "caller" VARCHAR(40) NOT NULL,
    "model_asked" VARCHAR(100) NOT NULL,
    "model" VARCHAR(100) NOT NULL,
    "status" VARCHAR(20) NOT NULL,
    "error" TEXT NOT NULL,
    "input_tokens" INT NOT NULL,
    "cached_tokens" INT NOT NULL,
    "cache_write_tokens" INT NOT NULL,
    "output_tokens" INT NOT NULL,
    "reasoning_tokens" INT NOT NULL,
    "total_tokens" INT NOT NULL,
    "cost" DECIMAL(16,10),
    "estimated" BOOL NOT NULL,
    "uncertain" BOOL NOT NULL,
    "attempts" INT NOT NULL,
    "duration_ms" INT NOT NULL,
    "first_event_ms" INT,
    "created_at" TIMESTAMPTZ NOT NULL,
    "generation_id" UUID REFERENCES "generation" ("id") ON DELETE SET NULL,
    "user_id" UUID REFERENCES "users" ("id") ON DELETE SET NULL,
    CONSTRAINT "uid_llm_call_lo_generat_87de6d" UNIQUE ("generation_id", "round")
);
CREATE INDEX IF NOT EXISTS "idx_llm_call_lo_user_id_091c5c" ON "llm_call_log" ("user_id", "created_at");
CREATE INDEX IF NOT EXISTS "idx_llm_call_lo_created_2a8b46" ON "llm_call_log" ("created_at");
COMMENT ON TABLE "llm_call_log" IS 'One round with the provider.';
CREATE TABLE IF NOT EXISTS "tool_call" (
    "id" UUID NOT NULL PRIMARY KEY,
    "call_id" VARCHAR(128) NOT NULL,
    "name" VARCHAR(64) NOT NULL,
    "arguments" TEXT NOT NULL,
    "output" TEXT NOT NULL,
    "state" VARCHAR(8) NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "finished_at" TIMESTAMPTZ,
    "generation_id" UUID NOT NULL REFERENCES "generation" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_tool_call_generat_138950" UNIQUE ("generation_id", "call_id")
);
COMMENT ON COLUMN "tool_call"."state" IS 'RUNNING: running\nDONE: done\nFAILED: failed';
COMMENT ON TABLE "tool_call" IS 'One call of a tool by the model, and what it gave back.';
CREATE TABLE IF NOT EXISTS "user_monthly_usage" (
    "id" UUID NOT NULL PRIMARY KEY,
    "month" DATE NOT NULL,
    "calls" INT NOT NULL,
    "input_tokens" BIGINT NOT NULL,
    "output_tokens" BIGINT NOT NULL,
    "total_tokens" BIGINT NOT NULL,
    "cost" DECIMAL(18,10) NOT NULL,
    "user_id" UUID REFERENCES "users" ("id") ON DELETE SET NULL,
    CONSTRAINT "uid_user_monthl_user_id_e09898" UNIQUE ("user_id", "month")
);
COMMENT ON TABLE "user_monthly_usage" IS 'The sum of a user''s calls in one calendar month (UTC); `month` is its first day.';
CREATE TABLE IF NOT EXISTS "user_settings" (
    "theme" VARCHAR(10) NOT NULL,
    "user_id" UUID NOT NULL PRIMARY KEY REFERENCES "users" ("id") ON DELETE CASCADE
);
COMMENT ON TABLE "user_settings" IS 'What a user chose; made together with the user.';
CREATE TABLE IF NOT EXISTS "aerich" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "version" VARCHAR(255) NOT NULL,
    "app" VARCHAR(100) NOT NULL,
    "content" JSONB NOT NULL
);"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        """


MODELS_STATE = (
    "eJztXW1z2zYS/isYfTlnxvHFiu34krubkR0l9dW2cpbc9lpnKJiEJI4pQCVAK7pe//stQE"
    "riu0lZkikGH5paIBYknwUX2MWDxR+NMbOIww9anhh1Cec2o4336I8GxWMCf6Rd3kcNPJks"
    "L8oCge8dVR9DRYOHat5z4WJTwLUBdjiBIotw07Unwr9Vo0MJmjjYJGg6Ii5BGHmcuMjmyG"
    "HDIbGQTQ9Qb0SQydiDTf7CkWAPhMoKD5RNKVJS9zNkC466P7ReN49PEKPO7EDe32ImPIBN"
    "h5u/lUft3z1iCDYkAirCDX/7CsU2tcg3wuc/Jw/GwCaOFUHZtmQDqtwQs4kqu729+PhJ1Z"
    "SvcW+YzPHGdFl7MhMjRhfVPc+2DqSMvDYklLhYECsEO/UcJ9DSvMh/YigQrkcWj2otCywy"
    "wJ4jldf4+8CjptQZMkdYHAT9wrb4gbzzu38GTxmSMIzrTs/otnuG0UioXT5NTD1Bkcmo7D"
    "I2FRKzP/70211io0ob8gbnP7Ru9t6evFJoMC6GrrqokGv8qQSxwL6own8JuNKrwUcYNJiE"
    "/nyE3XTo43IxJcCDbwb+OVwbALgxxt8Mh9ChGMHPk6McwH9q3SjMT44U5gw+bP+rvw6uNN"
    "UlCf0SatMlEgoDiyTQH+GKsMckHeyoZAxqKxA9mP+xCvDzgiXySyO1DejhBa0O2I9A5TnQ"
    "9y6u2t1e6+qLvN2Y898dhV+r15ZXmqp0FivdO4mpadEI+vmi9wOSP9Gvnet2/ANa1Ov92p"
    "DPBEadGWAADWyFeue8dI5aROsO5gLGAfhYyus9Lqs1v0ualzMAQoVtrvjVp8nrHrBLPcCe"
    "lBlS/drrGUiL6LSxqZlKdCA9Oi4wkB4dZw6k8lJ0IJVzVQMDJCmfVDa8Uanawdw8LoIz1M"
    "oEWl1LQbrcnDwkss6JeRLpbU4NV597S09n8JA69ZZIJZH9xFxiD+mPZKbwvYDnwNQkKXgG"
    "nsdt0MxOIrosXd7fxdOFZxjuTvDq8MJE+N95q3ve+thuKIDvsfkwxa5lRJCWV1iTxUoWdZ"
    "OXxs1xvARTsBhW8BbymQPQwcyIK3Du4WojJUoQvryfFyWQLqQxDtUsFCUIBD6gPvXG98Tt"
    "S8dcuuK+T29TBDMH+E+OrPto4LIxOtxHQ/sRXHgP1O2GroNv77Ip+P3mQ3qcYJM3S4kU/N"
    "bwqwZK9+/ZAGXELpiODaZc/viqgwsVDS4EykuAfkFFOuZLgRjutj9q79rUVlmH183Do3dH"
    "p29Pjk6hinrQRcm7HOAvrnux4dhlDkmf8rQBucR4EYF2Lru9iU95YBu33fbNexWLvKOtbv"
    "cC5t/XvfcIc27L1xJ3tPufbq999R7xGRdkfEd7nc4lfEiMOXHjVWTSdPimwJzp8E3mlEle"
    "iqoIHlN4fFUlLaW3OD8d2BQ7JQ1Lo9u7abeuLq4/gyoEmOUxgH5HP11ct0AdqkXQVa/z5U"
    "v7o6zBJhNi3VHo0u2bm9svPVkKKiGu602EvALFHVA9FDB3JU02i2iyma3JZiJcx+D50lyM"
    "HvmWYb5CIjXwL/Ic8fYvvYgPPgdy76r1y6uIH37Zuf48rx4C/vyycxYDfKH7onAvBDTYpc"
    "H24/cm89J6eOb4HJNaaZAOJj11HaOX89ISc82I0DOmnBXD9jmzSr1u8n3HTiPOXtHvKCK0"
    "2fDTjnxIOfEnH6w1RKBktKO3aGw3oX0yEBXpWmVDUUvQA3TgIVOchLNA+NOPN8RRlbJB/7"
    "xoqEagR9fPBHh4E6FxSsFp07HN4HPOCG0uP/YnIptLE/N0YLOF4DUficuVspKxyNj1O3pH"
    "+y557CM1HeUqymiy8diGbmPJ8BkdElmKBcIIHgvxEZvyD6g/IGDN+si1OVy/nyExZWhqix"
    "Ei2BwhNoUegtgAhFwycWYg4LChQSbMHPXvKKaWX8D7iOMZgjbhhfwYp2M/EkmgQiNsyUdR"
    "7Co/PCpX8v320BRz6RC7xCpIlvotHARXlIAgJCvnNV91tLMq0U5hi6zwXMZsZS5QA/91C4"
    "uR2DVH8IWldOszxhyCaQaNIiQWA/o+CBtuAulFyXb771mncxmZ4Z9dxKMBt1dn7Zu9QwU9"
    "VLL9WUxKtJk8lggNBLW3F7d/s6mevOaAgBpuUvqsPczEciFSGzT/1my+ffuu+ebtyenx0b"
    "t3x6dvFrAmL+Xhe3bxWUIc6dFJzBcjdhlzHBGqnUk+LWCQTzPN8WncGKspULlevRDRvXq1"
    "Xj2f9pWN2ibkaqOA9UVtdYzxO4wxxp2pkqpPEdf63yX9V5neuPvx5crxGysRuttfH8ExMT"
    "N4Zqg0xlqsCeCRL16H33Oh2mRYuT3GtvMTce2B3NECT9yTZIJGSog5o+Z+XriZSBnjMSRk"
    "iIVUgdizFCcWcmz64MeMAZyB7Y45whTBiAJWj39AHFB1iCSo7SMZCZZbXlV8l5Ip4cIPG6"
    "uttFPmPvC0IPbmbqS33VZraNzPixXrbbfb2narLEMZjBcCVabKrhyYL4Iv1MoJzOuNzdp5"
    "kp/Jt4kNra2g9ahkDbW+I1qeY7KzPrLeAqi3AL7YFsCQB5jiw0T9w2y/ZRitV2j7X0CMQp"
    "LZAj4D5VPipu/dS60pmTMyt4/PdBkxeFlwJhyCuUrpI70MOW+9h99/4ciUm/WUD4KRWpd8"
    "jwi4WTM0dW1BJAeGB5Qa9A80tuVNoa7cyAJ/SUZMfx9xdkcDIo50V6TXMrLNEXLgY1FbCf"
    "2bqxY5okyM4B0OUH+CXWFjB1roexODk9/7aE8+3sRlj7ZFXHg8KPTUzf2tY6/k3e9o33yY"
    "iICz81f/BwfZyI7FOVsHRFwAAx7cHBGoyqAn+u/rytd7BGdt7lJl71lUfXQeCvb7aoC93p"
    "5YWSdsrqEE6pkraSGJ7a2hHW5qbrrmNTSBHwiTBL0SgEZk9LJkHFJlRtN912KbCbdNL4Oq"
    "HrFKmoHGv2/bt3JHoC99R29ur6/V1kLXo1RtLDzvXH25bKttgyYbT+QUIHc74afWxaUsHK"
    "hoG8i3rs/bl6rIlGA5TvCUL77NUI3CZcITC4GV1FqxHUKbDv5o8tULkK/kZM7wqEgLuz2x"
    "oh4VXUNooGL9vU6RAVdOvblYIQAUldRarraW+QTejqTGgLJHqZhY/caqw2YRRiXUypkLJF"
    "iVvpdbYv68FNjeaPV6VxySIHyQhDM7pUBIpAYM4G0nFQjQkx9JiT4ck6rNtGt95NRFMKuM"
    "BY5K1aA3b5TP7scIy3kKS5na9Nktuwq+L77KwnFYUE8gqz2BxJyljAd5c8e5RO2s1lGRhG"
    "NH2QnHjhIJxzT5Ihv6+pIvBja1+WgltcdEtfGssvH0l2xL8i8iQpqBEVulqnheod1DNGXt"
    "uxRTKCqqd9XsaNamKlKHCiRtyurJa0K4fvtp4hinfMNPI+0PUVXEuIrdODKgr75LzMSO88"
    "xtT5eXV+fQyiUb7uy8MH+DmMwkbawBqB60I5Gq0Ye/0d1hoY6VwqaMdrtsNqXjjJXyDCeo"
    "WYhP6TKPWn4KsDC7MJ1SmVVZ5SMjHFwmqen+e//UA7ldh6OpPC1RZV8gljo6cR/dExOD5f"
    "SzlsETIwLK9ttlnlCbuwAomTKMueIA9T2wgq4AbUDLtpBHMFAm7qh/GuN0pKiIkQdCLqaL"
    "1qEBE2YZ/tENFN12P35QCpC/76DjqWbu4H2p5Hai/xKXZXMdl5TVwCIpSBI8x0jaslCs4a"
    "s8yiH8WxMiq0KI9BWZwDw759O8viZDJpNnVWbZvEK7+zayaD5nk5RFOixVu0DzRpCWQ0k5"
    "suJSYosIS1O8q+F8NYIYmD+k5TnMxjkmVsOdq4dvip3VkndYSzrapXGup8HYBL55p+GkA/"
    "wSJ+BsrQ83i0DczEa4mQBYn5myRXqTTSee8NOKlNnjEherDVlkfQQnbMoFydLIJuQ0tKnQ"
    "Gmpn5Yr4JoQ1yHGQmSdWsgwJOQ1t0o+WXCC4Y3l000Q1wIldm0xgpzy4cTENbMLyMp7GzS"
    "GmPcZOhr0NROKcHF/mIJDd2ZWXNNw+ts8vrlqXe4cn+8E5m8uU9GEHOjbtncfZUxZp8s4C"
    "iMjpwwBKHAawWH8oiXhETiNeAvHs44+eSk+wZYO8KyF5ywtWrcZlMI1J6XEucb6F7XJhkE"
    "d5gGUpZJOC+jxRnZle87tlE4k19qKr4AlBfZpsClv1JfLZ1QbNHHJqNJvZM6l9pVJsVxPd"
    "J5l9ic81wu6Dp0DXt5eXSZbqGuAtmDRwR4HNShq4hPRlsgYueIEpLLcwZzCb47ZgKKpqhQ"
    "huimCmUoZL4XmSP9W2n158KpPz2QIN8SNB8kXTuW8rtlOMRaZ4e3aSR6bpYVWhh801lEA9"
    "n/+xdYrNbtOZ1P9LQDyvX0N8158PDLtDb0xoWlQle808IqTXzUuvm/vLXGUQX0pouEvDvX"
    "NJI4MsjyXxbySzRH4EZ/w9shgl8QyQ8elMEeuz7gwjOpDzHQZy9Eb972OjfiUCdlX7rmsW"
    "Y6oovM8MMr3wMQoqDJUSDJmHp7IDITLEw4sFQVpoAnUZ3Uf+hrn7mTzxgE2J+9rEnFiIvJ"
    "aHPs3PX0s7t618A/o8tmrZlP2c0MZLHxJWoT1aGzkibII5nzKwFSPMS2UxTAjWMMzRPD4u"
    "hPhxDuLHccQtm08cPDPKhpPicjVwwLew0cXmBgxA9mNarvk8elREbov0qLl52Vl2FAAHc7"
    "vBoDzeCzHNRiuBd/h83fK0y4Swxr4E9pFTjbmkS5UPJmS1oaMKVY4qRLQG7RJqlWHYZYlr"
    "EqNm2engLPQYzAUYQ0JX0HtcVhvSqhnSRAyxSI40TjgHnJ6Z/avliVHXb2kHv/hiidJUas"
    "Vn4rTuHJTVgykyBGftsisDWVvOpX8KtdqTjdYVPp2y8GmMxoyK0TNBktH2K9mOM7stmEtz"
    "V6AqtXgRHgiEgPvl4NqhpMfgn2LodkPt1QjZkis9kT6WseoT74f5K0DG2K9ueIv6Ty4Hyd"
    "OvuTf2qayyEXnOtbQ0Mjki84mu4CthF6nG0d5t7/zVB9RXv/wkioIjtX8JWXiWXC7axA2y"
    "z53213+UrGbPVnaJyddPqpeRjvlCIM+12N2BP3U3OPgKKTnnyuUsCerrIEciZp6bvyjvpK"
    "vapjDa8nlXTySKyVNBfXPFbFkH+QlP8lRQ25wn2z717QUzo1QK/iJ5UU7L5EXRm1s3SDzU"
    "+y53eN9lxAXPcDzDLvoTTmc4OvC0v/mz3BbpO4LgyjBOPqAxtuTxAL4vtzxOQFZJupMryD"
    "+DfPhiRqRarLjNeIGgjHJ8rIXAFolYfMYFGW/KvY7TsQqxsXLIWK/SzHYZK/OUiZ8H+tZr"
    "4CvZ21e27+ks8meZ7BZxbXOUZqyDK7lmGi/rPGWfs0FaM4U7278ueIpGoJHK9qL1RCyyre"
    "cjcedrqkXtZ0hEU4eLUYflR1UC4aB6DdHdCFUY7igITXGA/9XtXGd5vwuRuANsmwL9Dzk2"
    "31js4WWmWBIMtaqRuTM6vgk6NheTDZw9d2bw3MHsz/8DPK53+Q=="
)
