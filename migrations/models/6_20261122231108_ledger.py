from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE INDEX "llm_call_log_by_time_new" ON "llm_call_log" ("created_at" DESC) INCLUDE ("status", "caller",
            "round", "total_tokens", "cost", "estimated", "duration_ms", "first_event_ms");
        CREATE INDEX "llm_call_log_by_model" ON "llm_call_log" ((coalesce(nullif("model", ''), "model_asked")), "id");
        -- One for everything that administrators look for and that is rare: errors, what was estimated, unknown costs.
        CREATE INDEX "llm_call_log_odd" ON "llm_call_log" ("id", "status", "estimated", "cost")
            WHERE "status" <> 'completed' OR "estimated" OR "cost" IS NULL;
        CREATE INDEX "user_monthly_usage_by_month" ON "user_monthly_usage" ("month");
        CREATE TRIGGER "never_emptied" BEFORE TRUNCATE ON "audit_entry"
            FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
        -- A call outlives its user and its chat. What the provider said of it can quote them, and goes as its text does.
        CREATE FUNCTION "forget_error"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.error := ''; RETURN NEW; END $$;
        CREATE TRIGGER "forget_error" BEFORE UPDATE OF "user_id", "generation_id" ON "llm_call_log" FOR EACH ROW
            WHEN (OLD.user_id IS DISTINCT FROM NEW.user_id OR OLD.generation_id IS DISTINCT FROM NEW.generation_id)
            EXECUTE FUNCTION "forget_error"();
        UPDATE "llm_call_log" SET "error" = ''
            WHERE "error" <> '' AND ("user_id" IS NULL OR "status" IN ('refused', 'invalid')
                OR ("caller" = 'chat' AND "generation_id" IS NULL));
        -- At the end, since this keeps everybody from the table until the transaction is over.
        DROP INDEX IF EXISTS "idx_llm_call_lo_created_2a8b46"; -- "llm_call_log_by_time" begins with the same column
        DROP INDEX "llm_call_log_by_time"; -- it has now all that the overview sums up
        ALTER INDEX "llm_call_log_by_time_new" RENAME TO "llm_call_log_by_time";"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP TRIGGER "forget_error" ON "llm_call_log";
        DROP FUNCTION "forget_error"();
        DROP TRIGGER "never_emptied" ON "audit_entry";
        DROP INDEX "user_monthly_usage_by_month";
        DROP INDEX "llm_call_log_odd";
        DROP INDEX "llm_call_log_by_model";
        DROP INDEX "llm_call_log_by_time";
        CREATE INDEX "llm_call_log_by_time" ON "llm_call_log" ("created_at" DESC)
            INCLUDE ("user_id", "status", "model", "total_tokens", "cost", "estimated", "duration_ms", "first_event_ms");
        CREATE INDEX IF NOT EXISTS "idx_llm_call_lo_created_2a8b46" ON "llm_call_log" ("created_at");"""


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
    "/ngVRfJCVu+FxMdBFubi2IIVUXDI+FbxdFxBIg9yTH2kUyDXJuAgWBUqqMdIdNWUHDcHBV"
    "NmkTOJDt2ok0tUjfJO7MQhKvQUVEU6TtU4y8tOkIatU80RfUWxR4ThYDtU+5Y8jw2TPeRl"
    "4F4TM7Mia2BOlZ3EzujYpB3HJo2meGYa8qcCyimyxmG9/RgWm8w9vkGmqzSdhnot1GXVeg"
    "uW8zNU6N3bvtyusm20i3eNdmbT0DVd9+jD6m8AvgpJQfJLkzXGI3B7XqzmCLxOlJHN0Glo"
    "c6E1ZM6UDfHNEGuQ0yBTj2+0M2ToNLRZ3RA4fIoR1dHNI9UAZ7J4UG466uCmyTSw2YQ0LM"
    "8BE4/smekU7LcBSdrx0qc5DmgbpXE/755dXHUuBWvbCtI8rGIL40qhFNsbmvVy7MtlYZ0J"
    "Oh3VqRDVGZk5FRFP0GnEFRAvLs+8LkHYnjfkQzEzWV5gx87LC12IaYpKn3OZaoK2y7iBHz"
    "HhashmCTcCt2Znna4Dtj+omxvEk/G6qeqxkSHUfhs5IQnPkam6MWiWRCAk8xQ/0X9bqaBR"
    "PdFd676d+VwTLtziKdD13eVlNhRhC/BWTAd+oMAWpQNfQVrsFq/kohvTpAQO3fn+zjcE96"
    "n48736h2/myixBKPZlDjGq4Mwczs56b+ZfIW/3wmSImbYFXrlm4Kp7Rxz7wfcQHtsTz5Xe"
    "x36Gb+mkHLoiIwoev8CcnCbypCOGRVNOZWbwrMvzHsd9QmGuZ/Mi3cCBt5bHZwsVu+hKU2"
    "EW2r/1bq5LbIt57L094ujfyLHZ4e4hedgCEuV23bQJNzUJ0EHaruubYbKwF1vRVxTajK5s"
    "Rj8Q2eZQdpODEG0OA8wSyaZuTHcdY1HXluDJ3wXqJyrWEdxySXGjKkdJpi47DaHIUnESlA"
    "KAa8nNrZ2EGCdbAf4nxXJ+NRlbUNe6xQzzwsLEOa1aZeLQPGhvuECweUFiP3SQ4AUKe0xW"
    "CF5THThWQngshRabhZWG11Uo3vHIumRxvY7kVom0pEsW65LFz+LGvZOSxdrO9x3a+XR53E"
    "3OjDrNcojJgZTHrQObvQ3JfDM5J1+KV5RzNq2jWwfot1xG90kSzi0eQSnA5Zn4eZQj2yTu"
    "l0o1btBSvF7QdH3KmjnkgQE5gQliIRJYVIgDVEx8SwoGiymVGVdk8VloJkY/RrdCeKAzKF"
    "UrjS69nzqvBA8pRA1sQdoXxEwnx7Cz47GKS8IG2VgEKCG3q8vB1lWYic+SAp+dImsgt719"
    "YaY+p3EtVI+HrCivJ6KHWqy+J4+nz+LgpG7eiZy4X3oi+wedMV41XXsi9/2Dzy+bzqZ0wQ"
    "LF3QsGBdhtsc2LcXL0g1UJw4r2Mk2aBWexiznkRpuZFvbrrPe6Z7diCfzc/YdUEw4JHNKy"
    "NL3fu0whB++ITAdqwXPsOHAY31NrCe4aYpxjdCE7lflF4HgfyE4gzxsZ2+5MCuoy3xvD/C"
    "MaOibjBuN4PgzTtAWKSxDbENwA/oBh2bl0DxGvZsUyu0G2OSirTJA5EUvuqVrM+myOdeCX"
    "t3zIy6WgcrxHBPpgr3Cwxz8xZS1ailYXP6izQiXaNbPTXFaWKUHWmFCePVRm0vqXWnKGT+"
    "L2ouzKOZxePPNyMZcX5XmuqHMhQWpdaZMFYnTv22pl375pdgF8Fri3mo8YwYvm5wbesJ9q"
    "KW5DM7/WltSVkdLZV7eYIabAobs8U+Xek4HujS/dSTpQ1bR++8/nd8B8v+lOvBkmebHyxT"
    "7cCSLtxq3sxq295vcKt++0JGsWKJx7KSodYJ89/yDjZMHW3CXeLCOUJPCNiPe4ol2PQFYr"
    "xYV9dHt3fX1x/eUUBfQDci6E81NkyQISnzsXl91zGA9cLdMsd5VtfdtVl7U/1HfoD6WLl3"
    "4f+rtaxIDV7btuWEqGmsL7HJE221PaSeVnjsIuVIoWK+tAs8iqKeo6aC7aUtIKyljdg3HT"
    "oQvsvhqZDFsIvwL37rKQDfUOdORFvfaUVon67bnDAWoUa7GTYIAoTGtqsqkKzhnCBuqP2i"
    "cnlRA/KUH8JI24ZbO5Yy6Vy2+k6Rqg2dhDrRObGeIAsh9zoC7NJpqg22M20XB7OdhkogI4"
    "wduNx+p4R2Q6easC3vK8Mx6xa4uBlLMUZ4g19grYS58/AxRZkCpJQVmaJWyMi8jWtKX+qh"
    "z54hGD1K3qmpqiPrTKps4qm8SsQfoAYql8XEXk+hPTGX+15jt0TcSYbDDvaVq9kdZ5I51R"
    "wqfO0rj3rAlWLRGSJf4Oi4W8abfeltYKUXBXjRmCMWPiWXMOtTCH6+ef12dv7Xh82vN7Os"
    "ANtkhHnljAcHq7jxKHJ4L1Sa7i21V/TYXMT8v6RLTOpibvy46aClOCSSyqSaUCWRdE6V9i"
    "vUY5spoIH/hlPhEwpSRu9Tw51mMkk0FvB6iGZelObvOxrApPRCudy6GJX59kzZ6IE5hxr3"
    "wW746Zk8Pl1PMTwG+QVT+VqDAf2urJ9fMTJjYE4oRbYzoC+6nIpYO/G4kZ56KTkm+4Olzw"
    "Jfdi/TUErg3cVRL7WYHrSnrPK3djMUIp2IvaV0ovwLzZKh/oCyaDyBhUWqB+RBkmluki2T"
    "l6edc/++EjGspfMjYfsvDImmXIMpcyzJ963LEfMVtVYOCU5ico2M/QkOJgCFVEo2QCwbh+"
    "NBzz3XE+wpWhR+auPcKWDOBjw/CJeJBToFJqIfmEOkyutn46/vxkMAdtYol6aZ0K8XAZuF"
    "ylUqffzQmJU6uTHrTXxoxs3dj4LqOAaZZQg5vx6iBlZefLEiGkKRuD7R5yIWSD4Daaggyp"
    "noPN5qC8gn3ZFDS2iP2eZ+A5S93XCv4Ktiu1Qvc1LulTF/7tUFIV1hPR+hTS3ECzEOlXCr"
    "QKcf3LGo1CXPVTsURkUFZkBNn5PvpJBENB2a/LCPI3NCko9ahGr1P61VPEFpOhFjEQEewx"
    "VIAtGcezXeku0gEDleIFSsIF0oeg/GZVII4IdDRGUTSGgodMdhfXCd1qmdCtg117NM07DI"
    "M7pceguWqz7vwrBmnLQZzF+ouKybyCGantKtqORqj4dHrEbuiJVnXzjJHo4MFqwYPwUSkg"
    "HDRvILo7CRYUI3Kcl/WouCx2jORJhbHrhnYJuFurjP0kzuCph9lf/w9f1KrH"
)
