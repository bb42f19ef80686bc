from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE IF NOT EXISTS "approval_notice" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "sent_at" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE "approval_notice" IS 'One row: when administrators were last emailed that people wait for approval.';
        CREATE TABLE IF NOT EXISTS "invitation" (
    "id" UUID NOT NULL PRIMARY KEY,
    "token_sha256" VARCHAR(64) NOT NULL UNIQUE,
    "email" VARCHAR(254) NOT NULL,
    "is_mailed" BOOL NOT NULL,
    "uses" INT NOT NULL,
    "uses_left" INT NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "revoked_at" TIMESTAMPTZ,
    "maker_id" UUID REFERENCES "users" ("id") ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS "idx_invitation_maker_i_17b1f5" ON "invitation" ("maker_id");
COMMENT ON TABLE "invitation" IS 'A link that lets people sign up: one with this address, or several with any address. Only its hash is stored.';
        ALTER TABLE "users" ADD "declined_at" TIMESTAMPTZ;
        ALTER TABLE "users" ADD "is_announced" BOOL NOT NULL DEFAULT False;
        -- Existing users are approved, and so do sign-ups through the former release while this one is being deployed.
        ALTER TABLE "users" ADD "approved_at" TIMESTAMPTZ DEFAULT now();
        ALTER TABLE "users" ADD "invitation_id" UUID;
        ALTER TABLE "users" ADD CONSTRAINT "fk_users_invitati_2fba0cf8" FOREIGN KEY ("invitation_id") REFERENCES "invitation" ("id") ON DELETE SET NULL;
        CREATE INDEX IF NOT EXISTS "idx_users_invitat_1ed87a" ON "users" ("invitation_id");
        CREATE INDEX "users_unapproved" ON "users" ("id") WHERE "approved_at" IS NULL;
        ALTER TABLE "approval_notice" ADD CONSTRAINT "one_row" CHECK ("id" = 1);
        ALTER TABLE "invitation" ADD CONSTRAINT "uses_in_range" CHECK ("uses_left" BETWEEN 0 AND "uses");
        ALTER TABLE "invitation" ADD CONSTRAINT "an_address_is_one_person" CHECK ("email" = '' OR "uses" = 1);"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP INDEX "users_unapproved";
        DROP INDEX IF EXISTS "idx_users_invitat_1ed87a";
        ALTER TABLE "users" DROP CONSTRAINT IF EXISTS "fk_users_invitati_2fba0cf8";
        ALTER TABLE "users" DROP COLUMN "declined_at";
        ALTER TABLE "users" DROP COLUMN "is_announced";
        ALTER TABLE "users" DROP COLUMN "approved_at";
        ALTER TABLE "users" DROP COLUMN "invitation_id";
        DROP TABLE IF EXISTS "approval_notice";
        DROP TABLE IF EXISTS "invitation";"""


MODELS_STATE = (
    "eJztXWtz2ziW/Ssof+l0ldqbKHGScba2SnGUtKf9yNpy98y0pySahCSuKVBNQFI8M/3f91"
    "7w/TQhSzLF4Et3TOKC1AEI3OfBvw9mrkUdftibzz13aTgXrrBNenBM/n3AjBn+o6RFhxwY"
    "83l8Hy8I486RIkbQdsjixndceIYp4PbYcDiFSxblpmfPhe0yFLpklHju6pisppQRw5rZzE"
    "YZ4XqcrKhHiWNwQejMsB1qETE1BJlTd+5QsjJsQcauR8IHH+IjLdcEeZtNttL7gtl/LOhQ"
    "uBMqptSDZ/z+T7hsM4t+ozz8c34/HNvUsVKI2hZ2IK8PxcNcXjtl4rNsiC9+NzRdZzFjce"
    "P5g5i6LGptM4FXJ5RR+AkUuxfeAkFlC8cJhiHE2X/TuIn/igkZi46NhYNDg9L+C8TXDobD"
    "i8vB8Lo/GA4PcsMWSiSwDi6ZLkOA4VW5/PUTfIWfuq/evHvz/vXbN++hiXzN6Mq7P/1Hx8"
    "D4ghKei8HBn/K+IQy/hcQ4BpVTJoaGyCP7CQAS9owWw5sQy2BsBXKH4T+yiIf4VkEeXogx"
    "j2f/DkCvQHRwet6/HvTOv2L3M87/cCRYvUEf73Tl1YfM1Rdvf8TrLnzI/ocedUJ+Ox38TP"
    "BP8o/Li76E0+Vi4sknxu0G/zjAdzIWwoXFYTU0rCQm4eXw0p/4CY3vE+ONF+4M835leNYw"
    "d8ftumVt87dm3Vn2isGMiRwkRBPfM1z7FpYt+kx4D4UrY3y3elXEdkMaNay1IppTg03gng"
    "v/Xtp0RdwxmXv2EuYggcEW0B2BpQlvW+6KOa5h4RrnduRCh/81BP73gRjMImPPneENjxav"
    "kFt72i27ZYMpSMHne2dwWIvpeMEpJ8INHor9AmQUnmTgSt0h3CWM2ri4Em5blNgc7sA6TO"
    "0JI/f0AdYv6FHiSdyFcOwl9jeltyy1vOP7uPBEmGowGzmBxfye0jnvyHfELty7/6MmvDf8"
    "2NXUNqdRE/ihzoNsYlvbWPRvbk4/Kaz6iwW8BsqssxI9vvgf/Pd4wUycfDgk4jCY3rbFD/"
    "HJ7/7nYPer1MnPvasXr/1lJ7mgSBSqNwTTowjPGntCWnI328JOt2L4fdYlTO3guXuySwQQ"
    "5TaJTuIrg/XU9YZq31pSZpNf3PMO8lM+qiyeUivOQ3oyNbwqSCOxDKrwmnuoS4F68G3oUD"
    "YRU9Raj95UIPxr70qCDK0y38JFcKvr38uhjS+lBnQg0UKM37ysAfGbl6UI4600wP5OX7g+"
    "lGOcEtoWzDtd/1Mov60zkd+Wz+O3uWkM2wsvmsYD+q3EyI0ldjeND55BnRn0/zZI7aQhjC"
    "/Oe3/7MbWbnl1efAmbJ2A/Obv8mIH7jqJSnIf7r9eXF8VwxxJZ5cY2BfkPcUB3rgF7MGeb"
    "snhU4I5QVOOehTizNWIHWdyNsaCeCuyRgEZ9fdTtucra7bduwaKS2RmP6uyMR+U741F2zQ"
    "Zj3BsaAEmBtVQOb1qqdTB3j+rgDK0qlDyJdGP8WGJ6TTn3QSlwZMW3O9WeLDEd8kTLWq4s"
    "x53YDJ0sBsF5c0guQ+/K9c+9n7pHb/Ee/mm67r1Nf0Dn0D1l6PfhYE5Qq9hntZlutWenaU"
    "ZouWdHjt+QTw0YXJXVKiu3mfXqeaMqW1bl98uJtltbtb1eNAyFwvoOH4v6uGdl9cjv08jj"
    "zg7anG2u+dUXyesZsE8zQNtXB9q+2jf7Ku19nNHZHQXFPo/0R9d1qMHKnJBJwQzYdyC5Lb"
    "RDhXG3CvjHy8uz1Jr08TTrbLw5/9i/evFKog+NbOGnKgW5OJnJrWYGJUR0zK3AQZAGN4/s"
    "Zz8P4hf6IPE9hfcwmFnk0w2MvZugm71ENL4aP98zVpExnpxO8NP9PBIJe+/6pPepf/Dn8z"
    "hcPi6sCRVXFN5uaYgSt0u+UafK+XInmw+9TPtHXTCYfjO1J1PKBYEZyG3oj5gwFX3fibdg"
    "DEaCmAaOg987DXJ4bMGlb+UHTvynkwXoeI7vVYH2hDKL570zW38iZhWdQkvbQm9OeO8Hfk"
    "hG9Nvchi5BBR1Bj9TPDCIJ0Ijte4VWrndPPWLZ1PpAmOv3Dq/G/RxQx2WT78pBJJ+E/3mz"
    "Z14hY+YuirSrT9S0Z4ZTYq9EQlkrxZc6DKT30EapQPlT/+T0vHf2ovuy86qb2d2TcfX0Lh"
    "9/UqpWYVqyhfbgnth/pXm2WpnTypxW5h5R5sBMF+eUc0NWMuTUuOTtSgUOQzDDWaJlrehZ"
    "IPCBjNgCrdQRqjyoJs0dw6TEZlKbEVP0THV8JepVhxigdU0YaFULGHEv0QQUK89dgXpj3h"
    "eH1bb8vAJ16vcDv2kw9P5jD2BIMjdMx8aiDfjjn63UwNoQogsGLwd6aZlTLPB4qdMeKASb"
    "qXZKOLVcpyDDCx2HfUAut2uk/VqBbJMzRA9urvtXx9Lku2W96+tT0GIuBsdyPcGfJW7Z9d"
    "+vB/3zY8IfuKCzWza4vDyDDynwy6m6Hl/VyS19VZ5b+iqnHsNrigVfd5Bi6R16ecc2800b"
    "lZG6Hlz1e+enF19gKAQsyzMA/ZZ9Pr3owXDIHmGsBpdfv/Y/YQt3PqcWmOkXg/7V1c3XAV"
    "6FIaGet5gLvAOXL2Ho4YLrrTWS3Toj2S0fyW4u6O1XOuWHsjyBNSHSAi/9rjNY/fRffCMF"
    "yFNCGvT1QR/OClat0o06K7bWdt2wHNZN79bRWlZ3LkcCeh4rz2M/q8ssdv6VTuOMlJ7F+V"
    "kc21k5WMttp5TQE0yohmG7mWo6nU1XPnnbm1GTcl7U/Y5SQtt1qu7Jh1ThVfXB2oBfFX14"
    "g6iz/YT2UfdqamqpOlhj0AN04CUL1MePgfDnX66oEwWpi0H/EnXUItDTWZVC0NlcaJwKcN"
    "q2xz74nEsc9vHH/oi/Pl5iHnfX95ArZUk9Lgcr717P3McshpFHlyMi1dEgkcGdzWyYNlZA"
    "jxKkI8BLccKn7uoDGY0prGUj4tnIo3L3QMTKJStbTAk1zClxVzA/gkQLOnceQMBxJ0M6d8"
    "3pCKlP4KF4gcMfHpXPhEXXlh7ooGAm8txDO583C69KnizZJVkZUQ0NGUnkRmEiRpC8YU5d"
    "2wSIcPo/IHnLLcO78BwsxAlmWc38it+TgSGZZh7EKFAr+qf2/TfF9y9sUeasLtF1QoEWWL"
    "87SHCVcA3vHtZ1NSfld4j4yvUsrups/u3y6tP1MZGyt+z88lP/7JjI7+OWxSGDddzGdQam"
    "fFhygyLfSWXSRwKtm/SvXtaLrVQFV3LRFcMzp/ZSOac7KbbDjO7oyt6mdIM+ouQUXq7tRV"
    "sL4Jfbmskb9qFJHa1gztqTUiwjkdag+Zdu9/Xrd92Xr9++P3rz7t3R+5cRrPlbVfh+PP2C"
    "EKdmdB7zSM1VWY5TQq1bkt/XWJDfly7H77OLsbQb1GZ1JKJn9XqzOrR1VAMdObnWDMDmAh"
    "3aLf8duuWzHgTFoS8Q1+O/T+Pf5Dz3/Q/JNC7RvRHe7s7mMt1zmsETowuZ9PWWAJ764nXE"
    "qhKqbUZi+kgF/Cv17DFSg8AbDzD/5qAgKlPSslMVoZFEw8NlQmgoIqnHwzUsOvbDsdm9H2"
    "gBeMa2N+PEYCFz/AfCAVdHxjZ88nhJD2+EsQ5GV1jpKvvAqtKCitjtPup7KVFtRZBEc5jt"
    "isNMmb1c85Yr8paHK9i6Eamk/A59b1iqNlzMVWNS16dfLoY3X49JIH/LAJiLL/3jIFS/Tj"
    "Rq8+Uo2qlRDn17jVpdo7/OPt6kUQ4x2Vvfha7R1zX6z1ajn7DMC2zLtN1ebk9O0u1q1ecH"
    "OZ7wf2nHMb6iXnFlfWHL8IA0P21v6sKPBXPPoXhW2p1PZx2enYZpdVhHL+1Cg8h48TGhYP"
    "4+kJVnC6Q5+mOBi7ms15f3/bbwNLCglpRgtSnFE9ZumREyIAV0R2BWopT/ZNkdmJuumMIP"
    "OCSjueEJ23BGneifw6ggDC8u5kNO/xiRFzKf0HOXtiUNVri4wPe4ZX6h94/yhUbm/VwEKY"
    "n/5f/BQTbKQwxIBvBkN8xB/FFmKrrynDoKrV2Ynv4Pg8vcQPKo0PY9JD0kcZI/6pZhdabN"
    "FvBLMIUy8WYEHwK/FlAnL0Y4BSeeu2DW6EdiAlp3kjFqMQtZqUR0cl4hfYH8JsKQgP9tBG"
    "OtmQoaa4iHI5RDvTSimpDYXSz11bZ04U3HUsNPrcDDWpWolZLTmVoKmVrCuKcuZpMrTOGU"
    "jE4IyOVa6GTOrSZzSvVjXWdRJLxDrKHpglqKiB/8703/BukufOlbdnVzcSF5MwLmy1t2cn"
    "n+9awvOTFMdzZHJbqSK+Nz7/QML45lDAHkexcn/TN5yUSwHCd4y2fn0JB6rMonFAmsNawN"
    "Kxfetktbp5U+Q1opWkRDSUOr6lvLiG7Audaw+d4m3xoaz5SLNVyoaUk9ys0eZT6HX0cVz4"
    "LNiLVvr3rVrZMrDq0qdIFcvnjsWFG0CtOC2ixUKeBB1IagLHsqvo2MVGt0hY2Zhr6DUwHR"
    "WGB3YP60L96iwIech7OcKish0gJje9dkWaHT3qEF53OXzuGMlF4VSubxcC0iw0JhPbfXnt"
    "trEhuWiWtquPL5jmHB+8LpXqnWFYlr5U5BuYvjpirGS1qqBSvMVotc/XC0mpMtlmnNHrlj"
    "L5vvxl4nazEpqH0vzfa94A6r5nYJJVq3ar2pE197Ux5ey5/TpDN/y6Fvb+bv2GY2n6417B"
    "lRvXg2efH08wUVk39TQjr9N5NA03B+3v1DtCARUilNPS2qS+33lP24iXnrNciPy2byhhBu"
    "X5F9FuOCb/hxpP0tqokYN3Eapzb09akj8LDjJ3IhnJ2dn0AvZ+5kb/XCatYIxGgo6Len0n"
    "cHQGEcoKVI2YIWedxVQLrC+PMp9NOi5TGtbLquM9zAZzeAfnA6tQmnbRaGnbKlLUoLwxJ3"
    "O1WFYXa6XQ0m+JjmAxZoTubUnTtUVo6TxfxYFjNJznYxtXnI/tEhrkc4FnQZjn/XYA/hzU"
    "OC/gtZtTQ1+BT51gMK9oMM+rt9OhawnQqfjYSspjY8xxbYCDlLsJ5sLDrYnFEbK6aIX29s"
    "EQZP8+jSvaeWz3SCfc8MrEjjwnYclJHEKDP0UgDe8LgPJB4IfssCunqkzMcO4EdTePCSQt"
    "9+T4fkN/9XUv/vH6BLUxIi4jvaSEQvU68PyQirNg/j3keEGw/4e1yUoJiFDSKabWXPirw0"
    "24pmW3kO9v8tcK3YfOgzSBXoD1Ux95ScDrYrBNtx/8qDXZ7wxwuLGHVtqERmiIqAIpqRjI"
    "ZUUxfrWJ9m+flOQn2BWbRWJVJSUgd0mzzK0iJVjJIlZbZ6yO5+xB4rgmMSqQ1EFWqyOTUS"
    "0UejCcnptH4wAcM+T/Rqbgzl9js0E3GXAodmOipT7tB0nJn0Rg+doGUtritZJRZ6DmM2pU"
    "OCDFaeuyLuQiBpk09AhfOiI1vDZWIQfNViZqwN9CsP06QctjWcPqNj/yBLdONwsqIe9c/Y"
    "pBZBKqcO0iyb/uGXiALxJCGXRShMJCvR9QKjiXjopeuJQzJagJAnYKShf+lAvGULds+QRW"
    "o1ld7ANMsUdhs+A8RNWMHkQZk2IzfXnz7IoSUzMN3hR/n9dAhDDyz5F/Xc8OcDNhyP5pQE"
    "WNDTLeNTZL4yoEccQtsaddDzak7xoM3w3M/wQM6Y0+wHeLBVzmIVNwxWBL/+MstglTqNM2"
    "FM6IM4G+P1DGaFCuoJka3qFU3RFhWSmkrql6tLabXXovhwwcYU3zfIF7+V0vuQk0IV6aRU"
    "6xzzW0Eal041yqNYYocI48a2G5Q3X9kg9+Ohwe+Loh+PsLPFYi1k9d8KS5tmwdsuvqF5oA"
    "JxUqZ1KG9+wQALZWmbYOHYajBn5VoHdbcO1N1yqLt5qM0pnRlD+acK0mmx1gG9+QQLm80X"
    "Yo1clqychvpRqJFqdFFyqk3JdI4kWqhlbH7RoJ7nFizM5VwpkUALZu+u+VH8BcD3hSr4Mb"
    "JirWE22FwShmFi9awysjk5DW0htEN5DMWa+OaENchZkN2FWGtlyMlpaPOezpBMShndIlEN"
    "cO70A1cgkZQquFkxDWz+IA9elHZETXtmOCXrbSCSzTfyZQ4D2VbFjz71T07Pe2eg2nYCev"
    "w4kzjpsciovWF8Og9wZQ53Sk7ncKvkcIcRe0XEU3IacQXEg1OSVBblpIgOmmYBtRZBVoYS"
    "q2VGSu9zWVjHtsfFkC4pE2rI5gU1U6guUNAFCthFLoesbv5RTlBnIRVQKz3Hyb+tQbMiWT"
    "x97usTM8bTh83uJbqPJo7nPtdU9ji8Bbm4OTvLUyptAN52pYpngS07XjmGtDwjXynrPOFJ"
    "CYhpirP3LxkduPCf75XnZr3sfAlCeXp+iFGN/PxwdB5P0MdkcWyNqeJGkHJ+wxz73s9zH9"
    "uTBSyIndSR0gEBBubV++n3YX49coH4lGn5jP1tPugJ5BrPlvW8RsJ5IzfIDilPKZfBwDy0"
    "f72+vKiIHhYp8LYpyH+IY/P9XSWKsEUkqiO32SBtZhCwg2zk1g+05GEvj5PHEjpQrhwo3x"
    "PrZV9Wk70wXvYDzArbpWlqdRPrXMu06kJC0iYbg00Et9oWrFFJnLdb0kpdfhhCo6TmIChR"
    "lTZSm3t0EBKabA34n1SA/NXgfOV61hXlVAwwkn5QYOkUtOpUGTzzoP3QQwE/Ql/P7ukxQn"
    "2GK5/20K+BZXRFwj4/YLnvxKFocHSIi0SGhjQ+fkBawhXlwpeUHIY+GaFsNJa2ScyQWMC0"
    "uNtna+rBZm3LnQqLSVMPaurBZ0nW3gb5oI7mlaPf3miephtbZ89o0iiHmFQO87NZ583apT"
    "Zona9n6xRb8oq2Tk07vpHQP92O35yVc0VNd0m9hxP486DAvkndr7RsvKAl/Lyg6aMmzRWd"
    "O4ZJOYZXQAgsAhNaoUkgubYkLbkD81CGWODJh+QKDAd31iHclZGV6597P4H+CBYGtTjSoX"
    "PDEXnzZYvPKaQYSjIHwfNCLTdLMaSNmKYYMclRUtCvM2It1LI3b8Q0ZxduhNtxn53kzUR0"
    "w7vr+qknqjtxdDRQ0TacPDeoYg/GZkM7bFeL7NAPpRIU8jMdwuNSfUq+DqHfoA/058msBh"
    "NeTO6L/rErMDu8kLvPNBjhVB5xQhCTYhLELT5PkiNix6PgVJXMs3B7vwpItjjpfT09hscH"
    "B7l14J9zm5oUG0a1aUQ6OuO9znCcD2TEFrM76vkUh4LfMqldINuhCIkMD8lIDs8opCfE8Q"
    "xfQd7xf8/KcwUeJHOMSoUrmRV9+kOG7+AfFhO9jDKnofxc8VW16tFY1WMPaPf2KB0/mO71"
    "4YwFNJ4FeO4DR9bOlOGtsGSFm3XthLOg/ZPyzZqG864TzhqRAbVHg7CPJQcNhfc58kw2Z6"
    "RcU3h/6zMo6K53UGCnpO5XmipcthyO46a1Mr+NBWi9TNgmnpOIvjpfj+ZTd8XjjAPHnYA2"
    "ju6ZgmSG9bpB2wIlJSe5BXaH6dHgbEXPXsKVsefOyHX/5ArmyS/9v8sUhxFDV+MosF8okb"
    "+eGA7q+B5dUvidqPjjEw5JL3gektNiVIkYtyxyVyKrOhvb3kzGGKVZwakAW8QxuBhyQeex"
    "qeGnW2DEieANdG9y6ns+V/55leFRlPh0EZ/8aExgXj41A6M5Dp4m+Po3bC3I+aSij0UCLd"
    "THNu+cTH5jyhkAGVl9KlGTg8HRspkf5o/2pNRcTIm1hmzgL93u69fvui9fv31/9Obdu6P3"
    "LyO7MX+ryoD8ePoFbcjUqPpGpY4dN9K7/SRlMDqjvUARTJ7fXq4ERqfF13dXy3NspN8Yhc"
    "ndQ+xSjc/X9v2+xf5n1Q7qOVzDxGTtaG2q6rQHjtZ9oeopLUGtPgti58dt7M4zuI0DN1Sp"
    "xnfPMb7Hmr7hTRYzyor4u8qrTlNCuvBUufBU1/nuFG6/xEIeCKiw72WkNOlXfv9DFvySpb"
    "nPFrOcGZLCNxLe4Yz2FgwTCBQn9sHVzcXF6cWXYxLI37JPYI4fE8tl9JZ97p2e9T/h87Aw"
    "LKtr11nW62ya5Vtm/oQqXb3xHVZvhOlDawx7RlR77JrssdMxWx2zfSZ49ztmK92dBS660A"
    "1a7p6LTjyvUZ1O5tDWZR1iWxhYhXez0LdmEMddUe8nE8mxZD1qRZX5en3oavFmrSydCifc"
    "c5cwN6g+fCsFzBG9xNTgUxWcc4It9CJ1j45qIX5UgfhRFnHL5nPHeFA+GDAr1wL/xi6yJf"
    "kQtiF7WQB15TkHKbkdnnMQLi97e8wBAAca3nisjnckpo+VUMBb7nfDJfWk9qOIel5YY6+A"
    "vUy/G6I7C4ldFVymecHWpIZszGfqz0rTN5I4Hiqh7q8p60M7bprsuEmNGtKeMUvl4yoT15"
    "+YPotE+7/DlERK2RrjnpXVC2mTF9KZy8TUeRjeLawJVT28MC/8HR5j+KrbeVP7FENjPvfc"
    "5VrraUb0mT6rhO9QuJ5wbU4P8XH/chk9hEn2HL7Dvfvo4LNwbLbWLMiI6sW1yeOMHiLGXD"
    "wQU9Xszopqo1vFwcSWtlgnrJsT1Pz5VUHdGK48yMpB3dNUZ/sI7qMh3dz0Uj6nKpEvRjmH"
    "jgqs3vD4qc+/PH7wVG8hptd+T3togZXhnloM0Lz3lhKHJ4L1Uaq5V3F/bYXMP1TqiWidTA"
    "0xkB21FaaUF0mmuD4Rsj762n9N9BqR/7cRvng1fCJsG945mocUFro8ESOlczz2FSN54t9m"
    "gGrZUYzpDTFBqvtEtLJUvm1cp6SX64k4YV7cue8tu0FmwBZNLaU0w7Raljirphja+ieoFp"
    "+Z0xKIU3UiWY6bpyKXpddpJWZCQCcV33B9uPBLvk701xK41sj/Ta1nJbnA2TWvOi94GAYU"
    "FlH7GknCAbGScAW0wCp8n+3UocwyPCK7JC9uBic/fkACVfgrJFklY9vjgljGwyEZSJbVFR"
    "bpO/aS8viQXeG6RWnFO3iqpJ41XS4iGqZ75q6QPIqLD0hQ61ADhUCajBZs7tkmtST1AR9J"
    "SoLSXOYUnbx8O00y0Nj8Zn98cphjnKAiLPdYdGB/tbXCYFxv0C8gFFDJCYna6ySQrD89vb"
    "YoYJoX1ODmgxXzhSh3H1UQR2UlW4PtDrij8hQCaw1BTlSPwXpjIPWotYYgK6lHYL0RQK2y"
    "QMuoyv8JRZ6c9dMo+Gvk/HRfdl51ayf9NPgI96bob/tyPE0zEV2bwK9OyHnbZcSRM6XEhZ"
    "B0tjziPkj6eRQ8B3OPjqlHYX7wDyRIWyahuUxWNljyaHxj6wpPgGovmg65meY2DIZa1WUk"
    "sMNyS/7AgzMbdlF0WavmsqLkMrsh7sMJIPtc0UqZgK/9nj6oYJwS2iHOmEG5TxM5p4uobJ"
    "2adbiRrMM96tnmtEgDCe5U6h5G3OYxpaMcpA0zjpQ7jWryzwYj0thZtBk3XLkasKRemBVZ"
    "dwVNiGimi3pMF/hRKSAcNG8hulvRA+CJghYRdZYfBZYQ0aeBKZ4G9iTN4Kmb2Z//D8DzUX"
    "k="
)
