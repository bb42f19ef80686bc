from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE IF NOT EXISTS "audit_entry" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "actor_id" UUID NOT NULL,
    "actor_email" VARCHAR(254) NOT NULL,
    "action" VARCHAR(40) NOT NULL,
    "object_id" VARCHAR(64) NOT NULL,
    "reason" TEXT NOT NULL,
    "before" JSONB,
    "after" JSONB,
    "ip" VARCHAR(45) NOT NULL,
    "user_agent" VARCHAR(255) NOT NULL
);
CREATE INDEX IF NOT EXISTS "idx_audit_entry_created_817289" ON "audit_entry" ("created_at");
CREATE INDEX IF NOT EXISTS "idx_audit_entry_actor_i_89ae59" ON "audit_entry" ("actor_id");
CREATE INDEX IF NOT EXISTS "idx_audit_entry_object__0343a6" ON "audit_entry" ("object_id");
COMMENT ON TABLE "audit_entry" IS 'One change, or one look at somebody''s text: who, when, what, why and from where.';
        CREATE FUNCTION "refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME; END $$;
        CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE ON "audit_entry"
            FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
        CREATE INDEX "llm_call_log_by_time" ON "llm_call_log" ("created_at" DESC)
            INCLUDE ("user_id", "status", "model", "total_tokens", "cost", "estimated", "duration_ms", "first_event_ms");"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP INDEX "llm_call_log_by_time";
        DROP TABLE IF EXISTS "audit_entry";
        DROP FUNCTION "refuse_change"();"""


MODELS_STATE = (
    "eJztXVtz2ziW/isovyRdpXgTdZxknd2tUmwl7WlfspbcPTOtLooWIYljClAToBVtT//3xQ"
    "Ev4l2ELMkUgxeXReIA5AcQOPfz59GMWthhxx3PsnmXcHd5dIr+PCLmDIt/cu620JE5n6/u"
    "wQVu3juyuQntDBw1vGfcNUdc3BqbDsPikoXZyLXn3KYECG4IRqOpSSbiHnURFT8dSh+QyR"
    "GjM3xPreULhjj+xk/RYkpb4g8m8Nfk8HeJTGKhsUtncMPFxzCqRUdiWJtMdjHAgAxIf4qR"
    "ZYqXNhlGLh57DIsuaDAODCOAwRwjE7l0cYx6FBFsc0GPmG1hZDNxZ0xdbE8IesDLUyTuIY"
    "kaoh537Efob4oHxLRmNrEBRE5deB4qRjQty8WMIZsLYjxnLfmM0AW9/xceieemY9HUHk2j"
    "JvKubSHTEQBIkDxi/+Fhg9MJhgcTUP32u7hsEwt/wyz8OX8wxjZ2rMSasC3oQF43+HIur9"
    "3dXZx/li1hAu6NEXW8GVm1ni/5lJKouefZ1jHQwL0JJli8ILZiy4R4jhMsqvCS/8TiAnc9"
    "HD2qtbpg4bHpObDYjv5r7JERrDGYE34crGLbYscw8vv/CZ4yRmEY1zd9o9ftG8ZRZpnC06"
    "QWVnBpRAnMjk04YPbnX36/K2zk1SMY4Oynzu3LH9/9INGgjE9ceVMid/SXJBRLyieV+K8A"
    "H7kY4DFMngX+XNzh9gzng5+kTE2CFZAeh/9sMhnhhZLZCNHbAd5H4v2sG+Isg3FL8O9fXH"
    "V7/c7VVxhuxtgfjoSv0+/Cnba8ukxdfelPFxV7mL+/RZ2gXy/6PyH4if55c91NT2rUrv/P"
    "I3gm0+PUIHRhiG93BVF4NYRRtFxNutg2qWuofWtxmm1+cc87yU/5qNJ44plpO1lIz6amWw"
    "ZpRJZCVTzmdvBcHY/7+Gpm5jfDwWTCp+Jn++RtCcK/dG4lyKJV6lu4Dm61/XsZtOGh1IAO"
    "KBqI8dvXFSB++7oQYbiVBNg/6nP3h2KME0S7gnmv+38C5XdVFvK74nX8LrOMxfHC8pZxX/"
    "CL+RCvKPa3jI+egZ3pd//eT5ykIYwvrzp//yFxml7eXH8Jm8dgP7u8+ZSC+x4DV5yF+2+9"
    "m+t8uFcUaebGHnH0b+QI5rkC7MGarcvmUYI7QFGOexri1NEIHaRxN8ccuyqwRwQa9c1Rt+"
    "cqe7ffugGbSupkPKlyMp4Un4wn6T1bSOOuYQpIcqSlYniTVI2DuX1SBWfRqoTJk0iDVmD8"
    "EBNT4cK9OXpYmK5lZO7QNi1qm701a8/SV0wi5sQKXhLeIFJI8WkPM+aDkqOvWt1ulSus+N"
    "RgsZaVNFZzxxxhXyGETARLB3Q6Dp2IZ0U2OUagIRpR+mBjUC7RB0ygwYOQ9QiSVPdLZHOG"
    "ej91XrVP3iEqRNh83dXuhtIaoLoJq8UaIDmvBpuaYgZVdrU03Xb2tfXwHzDLf1jKtv3KtM"
    "3Vtjkm4+IcEB+L+rynafXMH9LMAwcguD57tOFXn0evV8AhrQAthx1pOezQ5LCklnKGZ/eC"
    "189hyz9R6mCTFCkr44QpsO8F5a7QDhnG/TLgn25uLhN70qeLtFLy7upT9/blG4m+aGRzef"
    "niup+3uNXEoBiJts3lKBKS4GaR/ew7TPyMlxLfC/EcJhnl6X4DYe8u6OYgEV1dXY3vmotI"
    "GI8vJ/HqvsOJhL3TO+ucd4/+eh7FzCfPmmB+i8XTPZq8QD2TbdQqU9Lcy+aGm2q/VlUDqp"
    "GZWHmIT00OzjgeIQJ6NDIdR/whaCRuttADnnMEb+/7+YCyBMB9wZA/MPIEe+eALw0mFsuq"
    "aXYzDDgaXYg2tgX6HPDfgf5esGM0xN/mtgBDMJtDuDemrrzHAv+gBXUfsIssG1tieqj/HO"
    "KhmP+ADiWT70oBJEeCP28PTOtjzqiXxz2d45E9M50CeSQiSkshPtVxQH2AMkgJyufds4ur"
    "zuXL9uvWm3bq9I7b15On+OpDUpX6kpQNlPcORL4LMSkV8DSzppk1zazlMGtCDOdXmDFxN4"
    "9Ni98uZdDAxGLMYi0rWdECgo9oSDyQQiUzA2yRb/OyieR6+BQ0Ty2faXrTQhP7EYszXUy3"
    "G7svuCiXLgRvM3rIt6PtcrAcRuq3I79pMOn+mEdiMlI3Ro6NifTI+r2RvFcTjG/B5GVAvy"
    "AFPmArghTuNqniFlM3VuBI7g6v2m/evn/74cd3bz+IJvJBoyvvS4DP6k5c6uT4eIFKsCuQ"
    "y5wXSY1VQFtnH9Gju1739lQKdwPS6fUuBP9y3T9FJmM2vBYfkN4/ev3u1SliS8bxbED6Nz"
    "eX4kMKNG6qSsU3VbxL3xR7l77JMMbiMbnHNp2kFfUe9bdjm/hCjcpM9fq33c7VxfUXMRVc"
    "bMszAfqAfL647ojpkD2KuerffP3aPYcWdD7HlhDLr/vd29u7r324KqYEu64353BHXL4RUy"
    "8uUHejmWxXmcl28Uy2M+ZsKp4vT4gsdmGNkTRA/75vH9Zo7qvCHRFosJXB9v1bRvlqksLz"
    "OUW10SFdM9/VbZ/RK75UgddMED2B5awZttuJP9J+RcWLt7m+BQlhr+p3lCDarfrpQD6kEv"
    "2TD9YWNFCg7ehHnR0mtGsVUYmlpaqKWoEeoCMeMkdI+BQQf/75FjuRuS4f9C9RRw0CPelf"
    "xoWEN+capxycdq3bDD7nAtXm6mNfo9lcbTHrFZsdJF7zEbtMTlZWF5m6D1beoYsfh0iyo4"
    "Ghl85mtlg2VpBRgoWWZfFYiE3pgn1EwzEWu9kQuTYkn7hfIr6gaGHzKcLmaIroQqwQyANh"
    "IhfPnaUgcOjEwHM6mg4HBBJGyAtsiJi5RKJP8UK+jhPST0CAAZqaFjyKjD7w1aPg6er3hx"
    "YmA4HYxdYxGkrghqGdOrBqj6bUHgmEYPUvBwSs1HCX2RwiFYJFVtEQ/Vtcgy79bQN9LjBF"
    "v2tVaV1UpdzmRbq9AlYnJGiA8LsHTz8Jl3G/3FQzF6ffI+IL6lpMVTf3683tee8USdoBub"
    "o5716eIvl9DMhKw7qJlq3KxBRPS2ZS5DOpLPqIoHGL/s3raqroMl10RhltuqOpOJNUnVvj"
    "ZHt0bY2uHKxvq2BHFJRpQev9Wbpe72olb1mFJhm0nDVrTwqxjEgag+Z/tts//vi+/frHdx"
    "9O3r5/f/LhdQRr9lYZvp8uvgDEiRWdxTzicVW24wRR47bkDxU25A+F2/GH9GYshQa1VR2R"
    "6FW92aoOZR1VO0eGrjETsD07h9bKf4da+bQGQXHqc8j1/B/S/NfZIfjwLTK18wiuhbK7tT"
    "2X4Axn8ETjQsrPtyGAJ754bbAqhWqXhpgu5E79Bbv2GHIkiCfug/vNUY5RpqBlq8xAIzOz"
    "Go8xIoNHVBWsNUCOLeTY5MG3sghwxrY7Y8gkYabtj4gJVB1p2fCTbUMSJWnNIHiBGfcNLT"
    "I5EwTf5cQI7nKg7yWOrxEGEp3IaV+JnJRTPeskz4pJnsMdbFNrVJx+j3o3JthQw5ur2qN6"
    "F1+ujbuvpyigHxABzPWX7mlgpd/EErV9z32t0CiGvrkCrQ5k3uQcr9Msh5gcrN5CBzLrQO"
    "ZnC2SOSeU5cmVSZi+WJSfJdpWCmAP3TqgnBXIcYQvs5kcg57YMy0n5/npTKl5WCHgOhspS"
    "977kF1aaApc6CDmWcqGJpK34FGEh+i7RwrU5Bk8+FjgGov9GMxsGFW0hHE/8B359wxZidE"
    "ACd8IgUYxfKsqBDDYQEO0PLntkiFA+Fe9wjIZz0+W26Ygeht7cYPiPIXoJjzd36aNtSY8/"
    "cdGTg/sBsD/A6AMyHD3MeeB5+B/+DyZoE3HXoc+hIHGxLNI1mmLRlIqV6L+vC6/3KAToUM"
    "w9Rh1IauPL0hMqnlWIiCb362aFDxUkP8bOGL0cwlKbuNQj1vAHmZfnHqp3MW+GgwpfPCoh"
    "lhvRLdd+qPb3v4FgTnXwdm0F7nCGMqgXWk1jFPuzl77ZFc+7bXspJdwmXq7GucwZK0Gnvb"
    "EUvLG4+YApOIwrLOEEjTb6Z/wptMPmTh02JcOxqVIoIt4j1qKphy1FxI/+9657BxkAfOoB"
    "ub27vpapBIIEgANydnP19bIr0wSM6GwOzHJp+oDPnYtLuDiWtgJB37k+617KSyMAy3GCp3"
    "z2tAKSX1X5hCKCjaa1ZhHBu1Zda9fRZ3AdBbHHkDk4VXVoKdItKNFqtt6bpENzQUhlfANV"
    "aZJSz3K9Z5nNxdthxQKZKbLmnVVv2lX8wUWrEl4g4xO+UqwoSoVJQi0WqgTpAGqGYJZdFd"
    "1GiqoxvMLWRENftamA6Ipgf2C+OhRtUaAzzsJZnA0rRtIAYXvf+bAC9GC/V1jDKSq9K2S0"
    "npEFQ4WZSFI1YDXvNLDMNwypCb0rmsas2T1Lvb5aaRNvoTihloXqLQvlF7EvE4MaVMQ+Ve"
    "esir77bbG6O1tEQnvcFUPfXI+7sU1sNt1o2lOkevOs8+bp++koOt0liLTbXcqgXfOUmIeH"
    "aI5jkpJ7aJJUh7ceaMLROvqLVsg3WrSSt4Rw8wJb0xjnfMPrkfaPqDpiXMdlnDjQNw/Xll"
    "Uac1QcCvHHl5dXZ6KXSzo5WL6wPFIbMDI4/vbUjLkBUKBpbihSUC7G2MKS6ot+AKoGbZE7"
    "DWiPfYI5wQbJD7Q42MBxZnLyDCdoWSncQBrw/Dy/cef7j1A2lnoc/OhZVFq2JRuKy8hE8J"
    "T5cQlP61ImMMZMCKqwaoanfpk0iFZmSGyZ2M9rjC0EvvUtdI9HpugnqmeLXBkLYUHNW2zF"
    "OvfgQIFcw9Tlx2joiTPI5WKGxQg2HwgBGkIT0IMQ2wjkJwYv/cTjy47DUUQHUIPXr/lG0F"
    "3v/KOcVPg9EItZdjMQ6BAIp0D/h116jCAsQ2LDIOqeEjwg8onZFIIRTNElzJ5tDVtBBEWQ"
    "/ngVRfJCVu+FxMdBFubi2IIVUXDI+FbxdFxBIg9yTH30OxSWi//WAQh1CUAIVokK6jESXU"
    "Ulx+1BwbRZ5FyiQznq5CJVozwUO3GQCj0HVZGOUzXOErMTpGHrVHNMX1HsEWE42A7V3iXP"
    "Y8NkD3kZudfE0KzIGphjZSexNDpWacexSqMpnpmG/KmAcoqscVhvP6bFJnOPb5D5Kk2noV"
    "4LdVn13oLl/AwVe/e2L7erbBvt4l2jndk0dI3XPfq0+huAr1JSkPzSZI3xENyeV6s5Ai8U"
    "ZWQzdBraXGgNmUNlQ3wzxBrkNMjU4xvtDBk6DW1WNwQOoGJEdXTzSDXAmawelJuOOrhpMg"
    "1sNkENy3PIxCN7ZjoF+21AknbE9GmOA9pGadzPu2cXV51Lwdq2grQPq1jDuFIoxfaGZr4c"
    "e3NZmGeCTkd5KkR5RmZPRcQTdBpxBcSLyzWvSxi25w35UMxMlhfYtfPyRBdimqLS51ymuq"
    "DtMm7gR0y4GrJZwo3ArdlZp+uC7Q/q5gb1ZLxwqnpsZAi130ZOiMJzZK5uDJolEQnJvMVP"
    "9OdWKnBUT3TXunNnPteES7d4CnR9d3mZDU3YArwV04MfKLBF6cFXkBa7ySu57MY0KYGDd7"
    "7/8w3BfSr+fK/+4pu5NksQin2bQ4wqODeHs7Peu/lXyOO9MBlipm2Bl64ZuO7eEcd+8D2G"
    "x/bEc6U3sp/xWzoth67JiIIHMDAnp4m86Yhh0ZRTmSk86wK9x3GfUKjr2bxIN3DgreXx2U"
    "LFLrrSVJiF9m+9m+sS22Iee2+POPo3cmx2uHtIHraARLldN23CTU0CdJC26/pmmCzsxVb0"
    "FYU2oyub0Q9EtjmU3eQgRJvDALNEsqkb013H2NS1JXnyd4H6iYp1BLdcUtyo6lGSqctOQy"
    "iyVJwEpYDgWnJzaychxslWgP9JsZ1fTcYW1LVuMcO8sFBxTqtWmTg0D9obLhBsXqDYDyUk"
    "eIHCHpMVg9dUC46VFB5LocVmYeXhdRWLdzyyLmFcryO5VSIt6RLGuoTxs7hx76SEsbbzfY"
    "d2Pl0ud5Mzo06zHGJyIOVy68Bmb0My30zOyZfiFeWcTevq1gH6LZfVfZKEc4tHUBpweSZ+"
    "HuXINon7pVKNG7QUrxc0XZ/CZg55YUBOYIJYiAQWFeIAFRPfkoLBYkplBhZZjBaaidGP0a"
    "0QHugMStdKo0vvp84rwUMKUQNbkAYGMdPJMezseKziErFBdhYBSsjt6vKwdRVm4rOkwGen"
    "yBrIbW9fmKnPaVwL1eMhK8rrieihFq/vyePpszg4qZt3Iiful57I/kFnjFdN157Iff/g88"
    "uosyldsEBx94JBQXZbbPNinBz9YFXCsMK9TJtmwVnsYg650mamhf26673u2a1YAj93/yHV"
    "hEMCh7QsVe/3LlPKwTsi04Ha8Bw7DhzG99RagruGGOcYXchOZX4RON4HshPI+0bGtjuTgr"
    "rM/8Yw/4iGjsm4wTieD8O0bYHiEsQ2BDeAP2BYdi7dQ8SrWbFMb5B9DsosE2ROxJJ7qhaz"
    "PptjHfjlLR/ycimoHO8RgT7YKxzs8U9MWYuWotXFEOqsUIl2zew0l5VpSpA1JpRnD5WatP"
    "6llpzhk7i9KNtyDqcXz8RczOVFeZ8r6lxIkGpX2mSBGN37tlrZt2+aXQCfBe6t5iNG8KL5"
    "uYI37KdaytvQzK+1JXVlpHT21S1miClw6C7PVLn3ZKB740t3kg5UNa3f/vP5HTDfb7oTb4"
    "ZJXqx8sQ93gki7cSu7cWuv+b3C7TstyRoGCudeikoH2GfPP8g4WbA1d4k3ywglCXwj4j2u"
    "aNcjkNVKcWEf3d5dX19cfzlFAf2AnAvh/BRZsqDE587FZfccxgNXyzTLXWVb33YVZu0P9R"
    "36Q+lipt+H/q4WMWB1+64blpKhpvA+R6TN9pR2UvmZo7ALlaLFyjrQLLJqiroOmou2lLSC"
    "slb3YNx06AK7r0YmwxbCr8C9uyxkQ70DHXlRrz2lVaJ+e+5wgBrFWuwkGCAK05qabKqCc4"
    "awgfqj9slJJcRPShA/SSNu2WzumEvl8htpugZoNvZQ68RmhjiA7MccqEuziSbo9phNNNxe"
    "DjaZqABO8HbjsTreEZlO3qqAtzzvjEfs2mIg5SzFGWKNvQL20ufPAEUWpEpSUJZmCRvjIr"
    "I1bam/Kke+eMQgdau6pqaoD62yqbPKJjFrkD6AWCofVxG5/sR0xl+t+Q5dEzEmG8x7mlZv"
    "pHXeSGeU8KmzNO49a4JVS4Rkib/DYiFv2q23pbVCFNxVY4ZgzJh41pxDLczh+vnn9dlbOx"
    "6f9vyeDnCDLdKRJxYwnN7uo8ThiWB9kqv4dtVfUyHz07I+Ea2zqcn7sqOmwpRgEotqUqlA"
    "1gVR+pdYr1GOrCbCB36ZTwRMKYlbPU+O9RjJZNDbAaphWbqT23wsq8IT0Urncmji1ydZsy"
    "fiBGbcK5/Fu2Pm5HA59fwE8Btk1U8lKsyHtnpy/fyEiQ2BOOHWmI7Afipy6eDvRmLGueik"
    "5BuuDhd8yb1Yfw2BawN3lcR+VuC6kt7zyt1YjFAK9qL2ldILMG+2ygf6gskgMgaVFqgfUY"
    "aJZbpIdo5e3vXPfviIhvKXjM2HLDyyZhmyzKUM86ced+xHzFYVGDil+QkK9jM0pDgYQhXR"
    "KJlAMK4fDcd8d5yPcGXokblrj7AlA/jYMHwiHuQUqJRaSD6hDpOrrZ+OPz8ZzEGbWKJeWq"
    "dCPFwGLlep1Ol3c0Li1OqkB+21MSNbNza+yyhgmiXU4Ga8OkhZ2fmyRAhpysZgu4dcCNkg"
    "uI2mIEOq52CzOSivYF82BY0tYr/nGXjOUve1gr+C7Uqt0H2NS/rUhX87lFSF9US0PoU0N9"
    "AsRPqVAq1CXP+yRqMQV/1ULBEZlBUZQXa+j34SwVBQ9usygvwNTQpKParR65R+9RSxxWSo"
    "RQxEBHsMFWBLxvFsV7qLdMBApXiBknCB9CEov1kViCMCHY1RFI2h4CGT3cV1QrdaJnTrYN"
    "ceTfMOw+BO6TFortqsO/+KQdpyEGex/qJiMq9gRmq7irajESo+nR6xG3qiVd08YyQ6eLBa"
    "8CB8VAoIB80biO5OggXFiBznZT0qLosdI3lSYey6oV0C7tYqYz+JM3jqYfbX/wMQR7Ab"
)
