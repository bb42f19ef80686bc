from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


# The check was added by hand: the models cannot say it.
async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE IF NOT EXISTS "budget_reservation" (
    "id" UUID NOT NULL PRIMARY KEY,
    "amount" DECIMAL(20,12) NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS "idx_budget_rese_user_id_b08fa0" ON "budget_reservation" ("user_id");
COMMENT ON TABLE "budget_reservation" IS 'The most that a running call can cost, kept back from its user''s budget until it ends.';
        CREATE TABLE IF NOT EXISTS "llm_call_text" (
    "input" JSONB,
    "output" TEXT NOT NULL,
    "generation_id" UUID REFERENCES "generation" ("id") ON DELETE CASCADE,
    "user_id" UUID REFERENCES "users" ("id") ON DELETE CASCADE,
    "call_id" UUID NOT NULL PRIMARY KEY REFERENCES "llm_call_log" ("id") ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS "idx_llm_call_te_generat_3e16b4" ON "llm_call_text" ("generation_id");
CREATE INDEX IF NOT EXISTS "idx_llm_call_te_user_id_9c9018" ON "llm_call_text" ("user_id");
COMMENT ON TABLE "llm_call_text" IS 'What was said in a call. Unlike the figures it goes with its user or thread: the database sees to that.';
        ALTER TABLE "chat_thread" ADD "model" VARCHAR(100) NOT NULL DEFAULT '';
        ALTER TABLE "chat_thread" ADD "title_by" VARCHAR(5) NOT NULL DEFAULT 'words';
        ALTER TABLE "generation" ADD "model" VARCHAR(100) NOT NULL DEFAULT '';
        ALTER TABLE "llm_call_log" ADD "schema_name" VARCHAR(64) NOT NULL DEFAULT '';
        ALTER TABLE "llm_call_log" ADD "call_id" UUID;
        ALTER TABLE "llm_call_log" ADD "input_sha256" VARCHAR(64) NOT NULL DEFAULT '';
        ALTER TABLE "llm_call_log" ALTER COLUMN "cost" TYPE DECIMAL(20,12) USING "cost"::DECIMAL(20,12);
        ALTER TABLE "tool_call" ADD "token_count" INT;
        ALTER TABLE "users" ADD "monthly_budget" DECIMAL(12,4);
        ALTER TABLE "user_monthly_usage" ADD "unpriced_calls" INT NOT NULL DEFAULT 0;
        ALTER TABLE "user_monthly_usage" ALTER COLUMN "cost" TYPE DECIMAL(20,12) USING "cost"::DECIMAL(20,12);
        ALTER TABLE "chat_thread" ADD CONSTRAINT "known_title_by" CHECK ("title_by" IN ('words', 'model', 'user'));
        COMMENT ON COLUMN chat_thread."title_by" IS 'WORDS: words\nMODEL: model\nUSER: user';"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "chat_thread" DROP COLUMN "model";
        ALTER TABLE "chat_thread" DROP COLUMN "title_by";
        ALTER TABLE "generation" DROP COLUMN "model";
        ALTER TABLE "llm_call_log" DROP COLUMN "schema_name";
        ALTER TABLE "llm_call_log" DROP COLUMN "call_id";
        ALTER TABLE "llm_call_log" DROP COLUMN "input_sha256";
        ALTER TABLE "llm_call_log" ALTER COLUMN "cost" TYPE DECIMAL(16,10) USING "cost"::DECIMAL(16,10);
        ALTER TABLE "tool_call" DROP COLUMN "token_count";
        ALTER TABLE "users" DROP COLUMN "monthly_budget";
        ALTER TABLE "user_monthly_usage" DROP COLUMN "unpriced_calls";
        ALTER TABLE "user_monthly_usage" ALTER COLUMN "cost" TYPE DECIMAL(18,10) USING "cost"::DECIMAL(18,10);
        DROP TABLE IF EXISTS "budget_reservation";
        DROP TABLE IF EXISTS "llm_call_text";"""


MODELS_STATE = (
    "eJztXVtT4zgW/iuqvExPVZqFNDQsvbtVAdI97ALphTAzO5Mpx9giceFIGcsmnZ2d/77nyH"
    "biO3ZuOMYvdMfWkeXvyNK564/GmOvUFHttxx7dUSEMzhqn5I8GU8cU/pN0u0ka6mSyuIkX"
    "bPXBlO1VaKiIQMsHYVuqZsO9R9UUFC7pVGiWMbHdRzW6jJKJqWqUTEfUokQljqAWMQQx+X"
    "BIdWKwPdIbUaJx/mTQ7wSx+RNl2OCJ8SkjkuphRgxbkLsf2u9bRx8JZ+ZsD5+vcw0GYLDh"
    "5h/lMON3hyo2H1IbGsIDf/0NLhtMp9+o8H9OnpRHg5p6CGVDxw7kdcWeTeS1+/vLi8+yJb"
    "7Gg6Jx0xmzRevJzB5xNm/uOIa+hzR4b0gZtVSb6gHYmWOaHpf8S+6I4YJtOXQ+VH1xQaeP"
    "qmMi8xp/e3SYhjwj2ki197x5YehiD598/A9vlAEKRbnp9pS7Tk9RGjG242gi7PEuaZzhlD"
    "GYjZj98afb7wIbebWBDzj/oX377sPH7yUaXNhDS96UyDX+lISqrbqkEv8F4JKvihipwME4"
    "9Ocj1UqGPkoXYQIMfDPw+3BtAODGWP2mmJQN7RH8/HiYAfiP7VuJ+cdDiTmHD9v96m+8Oy"
    "15C6FfQK1ZFKFQVDsO9AXcsY0xTQY7TBmBWvdI9/z/LAO8f2GB/GKR2gb08IJ6F9YPj+UZ"
    "0Pcurzt3vfb1V3zcWIjfTYlfu9fBOy15dRa5+u5jhE3zTshPl70fCP4kv3RvOtEPaN6u90"
    "sDxwSLOldgAVRUPTA7/as+aiGum6qwYR+Aj6U436O0Ned3ifMoAVBmG9qSX30SfT0DdmkG"
    "GJMiW6rbej0baR6eNjYlqYQ30sOjHBvp4VHqRoq3whspyqqKCpAkfFLp8IapKgdz6ygPzt"
    "AqFWh5LwHpYjJ5gGSdgnkc6W2KhsvL3qjpPD4lit6IVBzZz9yixpD9i84kvpcwDpVpNAFP"
    "T/O497rZSUQXVxfPt9TpXDMMTid4dXhharvfefvuvH3RaUiAH1TtaapauhJCGu/wFo9cmb"
    "eN3xq3xtErKoMVQ/feAsfsgX7m6KDc3lIY3bNqp9gK4o2aWRaDB9lcsSLtX7QboJ4+hplH"
    "bNBHQZW3HMYAeqKppgl/QE+Fm03yRCc2wbcnjxYfS80dwQXd3n0wcUDWMOE6oQyU2ZjNYD"
    "OP6bM+u4Q2ho7GBRtNDtDfd2KPDOi3iQFggOQzwHuP3JL3BJmOuKBkyq0nahHdoDqwh7vj"
    "gEEJd4AmZ8M3ZY2QT8I/hztmglDH3Enayi+oZoxVM0U4nhNFRWKXas+j3kGBOAPli8755X"
    "X76l1rv3nQkliDtGu4K+JclNqP7uKLD6moChKmrKDysSPKho9JprZRC2u1sFYLawnCGuiE"
    "9jUVAu4miWnB25kCGtr7lXGgZS6XjkfwiQyYM36glhRmUCxyHTAGk1KPPUIzSNMVmg6aZG"
    "g8U9jTgd1W4D5IURafgmyjPSU7dTb5sARB6teG29RjuvvMBjAjckMzDdC78cdvlZS9quAJ"
    "8pgXA/2S2cmYLwgiuBuuYLZjokBDrg7vWweHx4cnHz4enkATOdD5leMM4C9vehGpy+ImTb"
    "ZPdQC52H4Rgtan3Z6Vqjiwjfu7zu2pVO76rH13dwnyy03vlKhCGPhadp/d/eeu17k+JWIm"
    "bDrus163ewUfEudmdPHKY+E62M9h4DrYT7VvHcQEYxim7YhlmbSg3qIx8dFgrlJThFN3vd"
    "tO+/ry5guwwoZleQyg99nny5s2sEP2CLzqdb9+7VxgCz6ZUB3U8pte5/b2/msPrwJLqGU5"
    "ExvvwOUusB4ucGspTrbycLKVzslWzLfKYXxJSmSPfktZvgIkFTAGZykynZ97IR3GB/Lddf"
    "vn70N6zFX35ovfPAD8+VX3LKpT+rzPC/ecoAa7MNhusIWWbCZJ3Z8jVEtt0p7QU9U9eiGX"
    "FpA1Q0QriJwlw3YVqbIOcnnbju6Qspf3OwoRbdb8tCMfUob9yQVrDRYotHb05p3tJrQvGq"
    "JCU6uoKWoBuocODDJBSTjziD//65aac3ddMuhf5h1VCPRwsJMNGt7ErnFKwGnTtk3vc04x"
    "bS4+9hcsm4sl5mXDZpvAaz5TS0hmxW2Rkfvo5R1Y9HlApDjqOXr5eGzAtNHRfMaGVPieZR"
    "gWESM+FZ/I4JHCajYgliHg/sOM2FNOpoY9IlTVRoRPYYYQ/ojuaDoxZ0Bg8qFCJ1wbDfpM"
    "Zbp7QQyIUGcE+oQXcm2cpvFMMdqdjFQdhyJD4V3zKIZduv2RqSpQIbaovkcGEriB76f2vN"
    "raiBsaIISzf9Zn6KXGu8KwMWzem2Q5HdG/Bi3oMvjTs+eiUPRbbSoti6nUNuw0216KqOMT"
    "VED53ULYmYRLeZgta5kL0m8R8Sm3dFHUNvdT9/bi7pRI2j677l50rk6J/D76bGFhXcbKlo"
    "cx6WyJMUWOqciknxNUbtIf7OczRWfZomPGaNXSRrAnJazlZ5ybVGUpgTABsgjQD56hfRNI"
    "z69sd9E+63avQjrx2WXUfnZ/fdYB8CPRMQn+GfpcwJjmtd6ep2t/UzN5zSY0KaAlzFljmI"
    "rlnKQyaP611frw4bi1/+HjydHh8fHRyf4c1vitLHzPLr8gxKEZHcd8LuMWWY5DRJVbkk9y"
    "LMgnqcvxSXQxlkpDsVk9J6ln9XKz2td1ivo5YnSVYcD6/By1Vf4NWuWjFoSCrE8gr/m/S/"
    "wvc0Dw7ntkShcRXApjd3N9IcExyWBF50IkzrcigIe++NphlQnVJh0xnbFqmD9Sy3jEhH0Y"
    "cQ/DbxoJTpmUls0sBw1FGuU5QKTYc6oc3hokpzoxDfbkelkAnEfDGguiMgI7Cqx64hMRgK"
    "opPRtNgr4TrOgjvRmMTqmwXUeLrBSEyXcJOYKbfNBbyeOrhIOkriq0rapCcmUogvGcoMzB"
    "5Ut7o/LgC60yvFF13aZaeTqtk2brpNlX15HrpNk6afbVkmYDGmCCDhPWD9P1lmG4Xa6EWS"
    "+UkGAsGOgMTEyplZztmtgSY82wVokbGzbi8LKgTJhUFbJiKWoZKLc+wG8M38L0VqmDqET6"
    "JU8JBTVrRqaWYVOMGhNeEBr5Oxkb+FBoi6lf8D+MIRs0ieB95oWueUVJpiNDGxETq6Vg8q"
    "37cNmjIIzbI3iHPTKYqJZtqCb0MHAmiqC/D8g7HN7E4s+GLqPL4KIjH+4mW36PT++zgfY0"
    "sb0ot7+4PwTQhnJ8/fg2ILEADBi4NqLQlMNMdN/Xwtd7BmXNV6nSs3zlHPVNwe5c9bCvE3"
    "pLq4T5HIqhnupJC1Bsz4d2sCnZdM0+NFt9ohxDWgsAGqKp3ZIxj28dUrbRkDK5TSXjmy+9"
    "edsxq9DUoXpBxBv/vu/cY46yS91nt/c3NzLZ2StR1mfn3euvVx2ZyKzx8QRFrMwE58/tyy"
    "u8+CitmUDfvjnvXMlLGoJlmt4oXz3xWUo5RT6hOcFSbC1ZzuKmjWt1cNsrBLehsKzIKoFF"
    "LS8R0jWYXko236tkebFQtRH2Ega2MGXN5XJzWUzg7WiijS19l4qQVW+vOmjliViFVhmyQC"
    "xq1bUiFNBPFgTb263e74rC55ln4nCmFzkJkFRAQ9l2mRMPPfxICszhCFVlxK71Bf/OjYVF"
    "VuAwVQVm80bzBVwbbDFNYUFTmTm7ZVXB1cWXccwHCWsBstwCpCp4wn6QJTv6FJVbtQ7zGA"
    "kP022E8drgdXBLOvTVDW55NJghRkuxPUJaL55lXjxdl3jB+JYQUR3hEvEClrzS2e4hmhBb"
    "UCgSK0xaZy3taB25MoZm5SgjlzaT14Rw9fKVohgnfMMvI+1uUWXEuIzTOLShL5+FJw/fSj"
    "BxFEgru7q6PodervhwZ+XC7AQ8xEix6bdVCyF6QKGluaJI4SkAyhqmVA/6QagqtERuNE8x"
    "8AkmxPWGP9D0uF7THEvmKabXMldkr8UdprvlG4Nxrp/wNEDu2BiyKuYnBjZlQ7hMVIKjTA"
    "4BXq1LWZeSClBUcdYMTt3TbzAJTRBYMqlbrpLqZAQ/muSBair0Mz+mkFgy7FjHowypHujc"
    "wQ0FS0hyy94jAwf2IMsGDsMTDLsPCjRGAZMnUNsYlp3EQNvQ8GXH/lOgAzxa0T3Kh5H7u4"
    "tPkqn4uw+TWXbTB3QYRi6T/1KL7xGMgJbYCEym5Iz2mRyxGGHcrwpdIvcMfdD0gpW9qpaL"
    "gO3v5KGMWM/SK66ZHh68IPI2GfnkWGhwqLxlwHz0G54XFPxdxxCXJYbYmyVFUA+Q1MXxo0"
    "cC4WcRwzK96Jzfvo7GjlfvK01cSYnSizcSVeKHWxVFOkhVOU/MRpDGpbNYNO+CYosI48a2"
    "q/4uuR8rqnhKKrT6QuLBgqyCqfMbSUCoEzw2nOChjehYVeTPAihHyCqH9foTAQw2cewlCp"
    "pE6WqoX4Q661DGlOn8Cgcxbm1dbuVZNlrpq0Yrfhx8fXTf9mJa3QXANSkV0PyiZJWJEFxf"
    "VKuqYRRKYWRjdDW0idAqslzBkvjGiGuQoyBzx15qZYjR1dDGbUMYAApPLI5uEmkNcKwUAr"
    "dVszi4UbIa2NjKy0VSQCbVjLFqpqy3Hkk0ENOl2fNoK2Vxv+icX163r0C0bXq58otzXoJG"
    "oYjY67v5EvzNWQfshOjqE3YKnLAzd3sWRDxEVyNeAPH0Uzhfqvmz5QV5V9xMuuP5tcdFMI"
    "1Q1ftc7NAowxK2Qp/xHPVCyMYJ62Pt6+Ne6qQe7CIWhZM3YiNGWMdtJKQovEaR2MqgmZGR"
    "EC4RumI8d6FzK8qJ7ovh3LHPNRTSDaMgN/dXV/HUhDXAm7MS744Cm1aJdwFpeph8oZDdgC"
    "XFC/BOjn/uMtrj8OetxosvF9osQUiPbfYxyhHc7HPn5ejmn7D8rzwsXjV0jNJVvdDde2Ya"
    "T27E8KMxdCwZjUyGHP6VQct+aDKR58ajcHIaKlFMBIWmNpeHqcRDoLf43BXOX3m1KNIlAn"
    "hLuX02SXqIrnQVxqH95133JsO3mCTeG5pN/kdMQ+zuGpKELSKR7deNunAjTMAOon5d1w0T"
    "hz3di76gqN3ohd3oO6Lb7MpqshOqzW6AmaHZlE3oLmNu6ounXySvAuVTFcsIbramuNQBI2"
    "GhLs4GX2XJyYRCCcGllOZeZEJAks0B/0q5nfNc2ATtJ5gnm676zLNy86k9mIEp0wrlgY1I"
    "7B+xIvt2D3ecoo6Cyof6TAm+aHIm55L95EtI9JlQn1ZSVjUmVUfMTn7Zen7RbudyFc0U2H"
    "6KwNbwXX/kumoNnTFlSe73dLUwRFRrhoU1w1oR3yrc7gm9sixCHPOMyL8QVe2zj/vsd+6s"
    "Hu9wnYITuxE/nOeie9M5JbqsURE+eCcqJ+ZZ1tdd2LkOpXiDoRR1fdS3UR+1FGblsn3XFY"
    "vyKCm8r2G8W5+lSdqkE6xMvq063cKEBl+Rz7rUJhNoy1nTq5T1MMODfPmUWu81VVCd0Pdj"
    "kBMIfPAwD0XcrLRMByu4uWub0QbWlGaGzYgi94qYM+YE65GTS1T5p3WUx5wBrdITxY9iBo"
    "2JKsSUw1oxUkWhw2NihBW0H7WOjnIhfpSB+FEUcd0QE1OdFa7oEaWrgGVjC+VTDKHABmQ8"
    "Jx3xmZWgFKLbYoKSv7zsbH4SAAey3eNjcbznZHU+WAG85X6nPFPLgAcVTnyMEdfYF8DeBU"
    "5zJXiBCUvFjQlpfdRWhTJbFUJcg34p04vkuKWR12mEdZ5bbZyFGaMKGxZDypbge5S2XkjL"
    "vJCOObNH5kx5cPQhLVoYI078BktkHLSah5kVMmIm23R7YsBXSYWAsa54ckPbsUd3bk87uM"
    "CmJi1FqlRT61nisCJYZ3IW3y76qypkbjLSimit+3Cq8sEUEhLTKjEVgayD2t6PgV572GlV"
    "4avPMsqHUX2WUR6kpKixIkroObt2RZb7nMeR7QpUS+ZGC2rb8LwMXPPnRyO6d4H+KoRsQa"
    "9taI6leHCj8zDbm6v4krYzb/+iaxePJxLO2I33x06+EzIBQJ5wxN1sAMp01SKyc/Luvnf+"
    "/ScykL/ck5BsQWQ1IKKrsz1ymXDcEyYSxJ3C23u0PF1qfnSTvXium8kgXK/0J7wycNjEMj"
    "Squ0eiDfwRyWaMp2Zgh45UkiOsUxxK6652+RPDHC0WGSrsS2aK3RXREhXXdq+TcCpKsQrE"
    "XvvaYBqvyBhcZQpgGieswY05NzNLvZ8Zw7dX7f2vrdaHD8et/Q8fT44Oj4+PTvbnIMdvZa"
    "F9dvkFAW8GLZGFa2pnsaC6ZbW3zIPs2tBZLKhseegtc+A1i0iXCv4c9vFiJaRLXCyjLPJb"
    "dapllELDb75WibolLAtz+0qKVSFof3nBohA0/eQsvubq8qAnckE/kbGq40HOrqK8OB4am6"
    "QUUStGv0KU+KstIuUKX96Mig3MKBY4OyfYYsSsmAmbjjdlu4jGzeYKm82Imi3oJc4qGZO8"
    "xBcsGZNzgS/lbF+9HNL6luw2BY1+lLRYe3cyl2l10eal9TkdpDXn2qTr1zkP0fY4UtpZtB"
    "6LRfrq+UwtPxoj7/oZIKlzPPLleOBHVQBhr3kF0d1ITgc80aZJxSnSC6IGSFYqiVo2tDPA"
    "XVtN1JUkg1U3sz//D8O577I="
)
