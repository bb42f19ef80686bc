from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE IF NOT EXISTS "round_item" (
    "id" UUID NOT NULL PRIMARY KEY,
    "round" INT NOT NULL,
    "number" INT NOT NULL,
    "model" VARCHAR(100) NOT NULL,
    "item" JSONB NOT NULL,
    "generation_id" UUID NOT NULL REFERENCES "generation" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_round_item_generat_56a999" UNIQUE ("generation_id", "round", "number")
);
COMMENT ON TABLE "round_item" IS 'One item that the model put out in a finished round, exactly as it came, so that later rounds can send it back.';
        ALTER TABLE "chat_message" ADD "reasoning_ms" INT;
        ALTER TABLE "chat_message" ADD "reasoning" TEXT NOT NULL DEFAULT '';
        ALTER TABLE "generation" ADD "partial_reasoning_ms" INT;
        ALTER TABLE "generation" ADD "partial_thinking" BOOL NOT NULL DEFAULT False;
        ALTER TABLE "generation" ADD "partial_reasoning" TEXT NOT NULL DEFAULT '';
        ALTER TABLE "llm_call_log" ADD "provider" VARCHAR(40) NOT NULL DEFAULT '';
        ALTER TABLE "llm_call_log" ADD "service_tier" VARCHAR(20) NOT NULL DEFAULT '';"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "chat_message" DROP COLUMN "reasoning_ms";
        ALTER TABLE "chat_message" DROP COLUMN "reasoning";
        ALTER TABLE "generation" DROP COLUMN "partial_reasoning_ms";
        ALTER TABLE "generation" DROP COLUMN "partial_thinking";
        ALTER TABLE "generation" DROP COLUMN "partial_reasoning";
        ALTER TABLE "llm_call_log" DROP COLUMN "provider";
        ALTER TABLE "llm_call_log" DROP COLUMN "service_tier";
        DROP TABLE IF EXISTS "round_item";"""


MODELS_STATE = (
    "eJztXWtz2zaX/isYf2kyo3pjN06yzs7OKLaS+q0vWVvue6k7FE1CFtcUqBKgFW/f/vc9B7"
    "yIdxOyJFMMvjgRiQOCzwGBc8efO1PPpi7f7Qe2IwZM+I87h+TPHWZOKfyn5G6P7Jiz2eIe"
    "XhDmrSubm9jOoEnDWy580xJwa2y6nMIlm3LLd2bC8RgSXDBKrInJ7uCeB/9/cOiceGMy85"
    "0HU8A9jwnojni+vG17c+Z6pn1I5hOvB38ow7+mwL+PxGQ2GfveFG/4dBeHYHsWjMFhd2t/"
    "2g27YcMJUJkAh8kp8ek44JQT4UUPxX4BMgpPMonvzXuEe4RRRwA94Y5NicPhztjzqXPHyD"
    "19PCRwj0g8iRcI13nA/ib0hpn21GEOwis8H8fjwRNN2/Yp58QRQExnvCfHiF14t/9LLRg3"
    "vOx84liTpAm8qPsomzi2BCxgzh8BNYR3R3FcANtvv8Nlh9n0G+Xxz9m9MXaoa2cmi2NjB/"
    "K6IR5n8tr19cnxZ9kSmXFrWJ4bTNmi9exRTDyWNA8CGAbS4L07yii8H7VT84cFrhvNtvhS"
    "OGK4IPyAJkO1FxdsOjYDF2fhzn+NA2bh5EOWiN1oejs238Unv//vaJQpCsM4vxgaV4OhYe"
    "wU5i+OJjfJokswlZA5DhOI2Z9/hf0usJFXd/ABRz/3L1/99O61RMPj4s6XNyVyO39JQphR"
    "IanEfwG45VOExzBFEfhjuCOcKS0HP0uZY4Idke7G/1mGGfGFGm7E6K0B7x14P/sCpnb03B"
    "r8hydng6th/+wrPm7K+R+uhK8/HOCdfXn1MXf1VcguDxa3cOFLOiF/Pxn+TPAn+dfF+SDP"
    "1KTd8F87OCYzEJ7BvLkBn+4CovhqDCO0XDAd1lPPN9S+tTTNKr+4l2Xycz6qPJ50ajpuEd"
    "KjienXQZqQ5VCFYa4Gz8W+uYmvZmp+M1zK7sQEfu4fvK1B+Nf+pQQZWuW+hfPo1n54r4A2"
    "DkoN6Iiigxi/fdMA4rdvKhHGW1mAw52+dH2oxjhDtC6YN7r+Z1B+12Qiv6uex+8K0xi2F1"
    "42jYf0myiHeEGxuWm88wLizHDwj2FmJ41hfHXW/8frzG56enH+JW6egv3o9OJTDu5bikJx"
    "Ee6/XV2cl8O9oMgLN44lyL+JC7JzA9ijOduWxaMGd4SiHvc8xLmtETvI426OBfVVYE8INO"
    "rLo+7MVNbusHUHFpXcznjQZGc8qN4ZD/JrNijjvmECJCXaUjW8WarOwbx/0ARnaFUj5Emk"
    "0Sowvk+pqXjh1rTu56ZvG4U73r5X1bZ4a7o/zV8xGfDEjl4S3yCxVInJFeU8BKXEkLW43a"
    "u3ZImJwVMtG5myXO/OYWhkMQnOm11yEVtXrn7u/7h/8A7v4U/L8+4d+gMah+4pQ7sPB3WC"
    "2uU2q9V0qy07bVNCqy07kn8Gn5jAXJXVKk+3mvXqafi3WJTfLiPaZnXV7lrRXJMLWN/hY1"
    "Hne55Wc36bOI87O0hzjrXkV19Gr2fANs0ArV/taP1q2/SrrPVxSqe3FAT7ItKfPM+lJqsy"
    "QqYJc2DfAuW60I4Fxs0K4J8uLk4za9Knk7yx8frs0+Dy1Z5EHxo5Ql4+OR+WTW41NShFon"
    "1uJQaCLLhFZD+HcRC/0EeJ7wmMw2RWmU03Uvauo262EtHF1cXzfXOeKOPp6QSvHsaRSNj7"
    "V0f948HOXy9jcPkU2HdUXFIY3YMpKswuxUa9OuPLrWxu+Ln2T5pgMPxm4txNKBcEZiB3oD"
    "9iwVQMbSd+wBhwglgm8iHsnUYxPI7g0rbyAyfh00kAMp4bWlWgPaHM5kXrzNqfiFFFJ9DS"
    "sdGaE9/7ge+SEf02c6BLEEFH0CMNI4NICjTihFahueffU5/YDrU/EuaFvcPQkMAUxPXY3X"
    "dlIJJPwj9vt8wqZE69oEy6OqaWMzXdCn0lIcprKSHVbkS9hTpKDcrHg6OTs/7pq/03vb39"
    "3O6e9qtnd/nFJ6WqFWYpO6gPbon+F2NSqwBqYU4Lc1qYKxHmQE0XZ5RzuFsmxqVv1wpw6I"
    "IxpqmWjbxnEcFHMmIBaqkjFHlQTJq5pkWJw6Q0IyZomeqFQtRej5ggdd0xkKoC4LifagKC"
    "le/NQbyx7svdamt+Xok49dtO2DRiffjYHWBJ7oblOpTJeKzfOymBdcFFFzGvAPoJq4gAWx"
    "DkcHdYk6CYtgkEO3KN+HF/7+37tx9+evf2AzSRA02uvK8Bvmhh8T23JMILDYcDQK6wa2Tt"
    "WhFtmyNEd66vBpeHUuW7Yf2rqxOQYs6Hh3I9wdcSN+zqn1fDwdkh4Y9c0OkNG15cnMKHFN"
    "nlVE2Pe01iS/eqY0v3CuIxDFMEfFkmLag3aOUdOyxUbVQ4dTW8HPTPTs6/ACsELMtTAP2G"
    "fT457wM7ZI/Aq+HF16+DY2zhzWbUBjX9fDi4vLz+OsSrwBLq+8FM4B24fAGshwuevxQn95"
    "twcr+ak/sFp3eY6VRkZXUAa4qkA1b6TUewhuG/OCIFyDNEGvTlQTemJatW5UadJ1tqu25Z"
    "DOuqd+tkLWs6lxMCPY+V53EY1WWVG/8qp3GOSs/i4ixe6FkFWKt1pwzRM1SolmG7mmw6HU"
    "1XPXm7G1GTMV40/Y4yROs1qm7Jh1RjVQ3BWoFdFW14w6Sz7YT2SfNqZmqpGlgXoEfowCBL"
    "xMdPEfHnXy6pmzipy0H/knTUIdCzUZVC0OlMaJxKcFq3xT76nCsM9ouP/Ql7/WKJedpc38"
    "daKQ/U55JZRfN67j5GMYx8+jAiUhyNAhm86dSBaWNH5VGicAQYFCd84s0/ktGYwlo2Ir6D"
    "dVRuH4mYe2TuiAmhpjUh3hzmRxRoQWfuIxC43p1BZ541GWHpE3goXuDww6fymbDoOtICHS"
    "XMJJZ7aCcLvMirGOAddknmZpJDQ0YSuVEciBEFb1gTz7EAIpz+j1i85YbhXXgOJuJEs6xh"
    "fMVvaceQDDOPfBQoFf2ubf9tsf0LR1QZqytknZigA9rvBgJcJVzG7eOypuY0/QYRn3u+zV"
    "WNzX+/uDy+OiSS9oadXRwPTg+J/D5u2MJlsIzZuAljqtlSYIock8qkTwg6N+n33jTzrdQ5"
    "VwreFdO3Js6Dckx3mmyDEd3Jla0N6QZ5RMko/LC0FW0pgN+sayav2IYmZbSSOevcVWKZkH"
    "QGzf/c3//pp/f7b3569+Hg7fv3Bx/eJLAWb9Xh++nkC0KcmdFFzBMxV2U5zhB1bkn+0GBB"
    "/lC5HH/IL8ZSb1Cb1QmJntXLzepY11F1dBToOsOA1Tk6tFn+OzTL5y0IiqwvIdf83yb+tz"
    "nOfftdMq0LdG+Ftbu3ukj3gmTwTO9CLny9I4BnvnjtsaqFap2emAGWAv6V+s4YS4PAiIcY"
    "f7NT4pWpaNmr89DIQsPGQ4rIEAnV0+4aRmQH1Cauw+5DRwvAM3b8KScmiyvHfyQccHWlby"
    "MsHi/Lw5uxr4PROWa6yj4wq7QkI3a9j/peUlQ74STRNcw2VcNMuXq5rluuWLc8XsGW9Uil"
    "6Tdoe8NUNSOYqfqkrk6+nBvXXw9JRH/DAJjzL4PDyFW/jDdq9eko2qhRDX13lVqdo7/MPt"
    "4mLseYbK3tQufo6xz9F8vRT2nmJbplVm+v1ifvsu0a5edHMZ7wr9TjGJ9TvzyzvrRlfEBa"
    "GLY38eBlQd1zKZ6VdhuWs47PTsOwOsyjl3qhSaS/+JBQUH8fydx3BJY5+iPAxVzm68v7YV"
    "t4GmhQD5RgtinFE9ZumBlXQIrKHYFaiVThk2V3oG56YgIvsEtGM9MXjumOesl/jSQhDC8G"
    "M4PTP0bklYwn9L0Hx5YKK1wMcBw3LEz0fi0HNLLuZyIKSfyP8AcH2iQOMSoygCe7YQziax"
    "mp6Mlz6ii09mB6hi8Gl7mJxaNi3XeX9LGIk3ypG4bZmQ4L4E0whDI1MoIPgbcF1MmrEU7B"
    "O98LmD16TSxA61ZWjAqmcVUqkZycV1q+QH4TsUsg/DYiXutKBa1VxGMOFVCv9KimKDbnS9"
    "1blyy8al9q/KmVWFjrArUydDpSSyFSS5j31MNocoUpnKHRAQGFWAsdzLnWYE4pfixrLEqI"
    "N4g1NA2orYj4zv9cD66x3EVIfcMur8/PZd2MqPLlDTu6OPt6OpA1MSxvOkMhurZWxuf+yS"
    "leHEsfAtD3z48Gp/KShWC5bjTKF6+hIeVYlU8oIViKrS1LF163SVuHlb5AWClqRIYsQ6tq"
    "W8uRrsC41rL53iXbGirPlIslTKhZSs3ldnOZz+DtqOJZsDmy7u1Ve/tNYsWhVY0sUIgXXx"
    "hWFLXCLKFWC1USeBA1A4RlX8W2kaPqjKywMtUwNHAqILog2ByYP26LtSiyIRfhrC6VlSLp"
    "gLK96WJZsdHepSXnc1fO4RyVXhUq5rGxVCHDUmI9t5ee20sWNqwi16Xhquc7ugXvS6d7rV"
    "hXRq6FOwXhbuE3VVFeslQdWGHWmuQauqPVjGwLms7skRu2soVm7GWiFtOE2vbSbtsL7rBq"
    "ZpeYonOr1tsm/rW31e614jlNOvK3GvruRv6OHebwyVJsz5HqxbPNi2cYL6gY/Jsh0uG/uQ"
    "Caltfn3T5ESwIhlcLUs6Q61X5Lqx+3MW69QfHjqpm8IoS7l2Sfx7jkG34a6XCLaiPGbZzG"
    "mQ19+dIReNjxM2shnJ6eHUEvp97d1sqF9VUjECND0G/PLd8dAYV+gI4i5QhaZnFXAekS/c"
    "8n0E+HlsessOl5rrGCz24I/eB06hJO60wMSy1TJYlh2UWsOjHMdaeSeYYbtWyUGiaDKsLS"
    "7Onko12CCV94KqoXCMxx4smx9z3ZGi4Tk+BQyxPJVtCvrD1POaj1OH9Gh2Hdd6wxwQlsMD"
    "QsSU9tgplPPaxKYoW14hEF4sv8NZtQmEh2qusAN1+sEe/5YpeMAiDyBXAa+ncEcfgNC9g9"
    "w6Sr+UTmT2WTsrDb+BlAboE0HJ4+y8j11fFHyVoypbAHkqifHmGY/0b+j/pe/PqADcdK9j"
    "JfDHq6YXyCiWIm9IgsdOwRwDFxrAnWpY/L5Mf16xcpgD/Ag+3qpK9Fw2g3DsOV8glfmeL1"
    "KTubrlvfmkywaFaooJ4i0WddlcSfFbGsjzzbrOdsW6KkWhSr2qJCQWuJVI1DuFWRTlN1zk"
    "W1FqRx6VTLEFpQbBBh3Ni21REo92PD5PdUaTbnyDpYBGstSY06aXS9+MbqgQrEaZrOobz6"
    "BQM0lAfHAg3HUYM5T9c5qPebQL1fDfV+EWprQqemIX+qIJ0l6xzQq0+VddgsEEsU2szTaa"
    "ifhBoz84OKIpAV0zmh6KCUsfpFQ58rv8F0gnABCG2hCnaMPFlnAoFXVyLItDDYTBnZAp2G"
    "thRaQ1ZtWxLfArEGOQ+yF4ilVoYCnYa2aOmMc6+U0S0j1QAXioV5AvOuVMHNk2lgi3XveF"
    "ncNbWcqelWrLcRST7eOqTZjWg75T86HhydnPVPQbTtRdWkFlluaYtFTuyN/dNFgGvTDDN0"
    "Or9QIb8w8dgrIp6h04grIB4VFVVZlNMk2mmaB9QOoqgMpSTwHJXe5woHGjs+FwZ9oEyoIV"
    "sk1In1+ihSnbuHXRRiyJrGHxUIdRRSSSbSSxyU0Rk0axKPssckPDNtQ+lMxXai+2TWRuFz"
    "zWRuwCjI+fXpaTEDaQXwNjyNZEuBrTqNZAFpdTaMUtR5ypIS5XGUh/BfMDr04M/3mhayXH"
    "S+BKE6PD/GqEF8fsydpwP0MVgcW2OouBmFnF8z17kP49zHzl0AC2IvcwILCWcYxtWH4fdx"
    "fD3xMJQdBZVixP46H/SMkz9fLOp5iYDzVm6QPVIdUi6dgUVo/3Z1cV7jPSwT4B1LkH8T1+"
    "Hbu0qUYYtI1Htu807aHBOwg7znNnS0FGGv9pMvKLSjXNlRviXay7asJluhvGwHmDW6S9vE"
    "6jYmmT95xl/5KtA+ZbCN4Nbrgksdo5gV6opsiJWShkxQyuxvpTT3JBNSkmwD+J+VgPzV5H"
    "zu+fYl5VQM0ZO+U6LplLTq1Sk8s6i94SNB6KFvpvf0GZHnnFMbpEp2H+XAMjoncZ8fMd33"
    "zqWocPSIx9xHmdorz3OEdpSLkBLPjwS9BROBZaOx1E0cTkzbhmHxoiq04Wc/QzvSSbhrkX"
    "GqNSY5g5cI187TrUaOb1G64+rDteUnqIJxQtDFYO2DJvhCq+pw7YMCwtqbV41+d7159NsM"
    "D19egutZyg5yfUu4HGNSy+YX087btUutUDtfTtcp1+QVdZ2GenwroX++Hr86LeeSWniu8O"
    "MR/Nwp0W8y92s1Gz9qCa8XNX1SpbmkM9e08JR3gkSgEVjQClUCRICT+cQLD7hHFws8eZdc"
    "guLgTXuEe9KzcvVz/0eQH0HDoDaeek+46Yqi+rLG51SfKx9VDoLnxVKuPlO+rUpMmksK8n"
    "WOrINS9uqVmPbswq0wO26zkbydiK54d10+9ER1J04qaZZtw+kymzV7sDwN0onbNSp2iK1h"
    "4zPD3U92SmaBwFqEWMDPJPFpA2GJvh6h36BPtO/JKAcLBir3SdmFC7PFj2v5WSYjnDIbmy"
    "FG5UURN/h8WTwRnyerE8Ld0I0cDsEbywFcRkW4OOl/PTmEx0d1kXvw35lDLYoNk9w1Ig2h"
    "i73QdN2PZMSC6S31wxKIgt8wKX3gy4i40OEuGck3HcXlC5Hf8RBCDOT7zH1PIESHKHR4sv"
    "JiWB6R4RhsKZwkg1GueSg/ZxyqFk1aK5psQVm+LQrXj6Z7czgXBBrPEjy3oYbWxoTltVTR"
    "ijfzxgFpUftnxaO1DedNB6S1IkJqi5iwjSkJLYX3JeJQVqfEXFEYv/0ZBHTP3ynRYzL3a1"
    "UZLlsa40XTRpHhZgBSLxOOZQoUzWezUI7mE2/OFxEJrncH0jiab0qCHZbrBnULpJQ1y23Q"
    "OyyfYul0YlPfeYArY9+bkqvB0SXMk18G/5QhECOGpshRpL9QIt+emC7K+D59oPCeKPjjE3"
    "ZJP3oeFq9FrxMxb1hizsSq62zs+FPpg5RqBacCdBHX5MLggs4WqkYYjoEeKYI30PzJaWgZ"
    "nZsyXN0OIzQcfLogpmXRGdaUN+9gXj43QqM9BqA2+AJWrC3I+aQijyUEHZTHVm+8TH9jyh"
    "ECOVp9amObncXJsllkc9150hmyzhQj2MCR0tq33Err97OEweTIoxJBMH0cUrUQmBy+1Nyc"
    "Lc+5kRl7SExuHxcm1UioETyy+5bbo1U7aGZwjQOXtaG1raLTFhhat6WUT2WKav1ZERs/jm"
    "NzlsF1HMihWop88zXIt1jSN/27YEpZWX2v6qzUDJFOTFVOTNV5wBuFO0zBkAcGKux7OSpd"
    "FKy4/2GV/IqlecCCaUENyeCbEG9wRvsBwwACxYm9c3l9fn5y/uWQRPQ37BjU8UNie4zesM"
    "/9k9PBMT4PE8fysnaTZb3Jplm9ZRZPsNLZHd9hdkccPrQE23Ok2mLXZoud9tlqn+0Lwbvd"
    "Pltp7iwx0cVm0GrznMyeaGaa65MZtPVYjzg2OlZhbDba1kzienPq/2hh8SyZr1qThb5cHz"
    "qbvF0rS6/GCPfSKc4tyh9fS4JzUn5iYvKJCs4Fwg5akfYPDhohflCD+EEecdvhM9d8VD44"
    "ME/XAfvGJqIluQHbkPNQAnXtOQgZug2egxAvL1t7DAIABxLeeKyOd0Kmj51QwFvud8YD9a"
    "X0o4h6kVhjr4C9DL8z0JyFhV8VTKZFws6EhqzMZhrOSitUkjgeOqFur6nqQxtu2my4yXAN"
    "y6IxW+XjqiLXn5g+q0Tbv+OQRErZEnzP0+qFtM0L6dRjYuI+GreBfUdVDzcsEn+Hxxzu7f"
    "fe1p5yqBCmmnIHU85hrCWbWnz6xOdfnj53oh+IyVXY0xYusFWW8swExt3bf5A4PBOsT3IW"
    "Xy766ypk4ZkSz0TraGKKoeyoqzBlhMSq03RVIBugKv1rqtek9m8X4cPozGcCplScup07x9"
    "MYyWNsVgNUx84Xyi7zqUpxz0QrX5+ui1+fFM2eiRM6c89CEe8ay9l0aGop+cazwkaqAHs5"
    "tM2PBSsvBN8RiDPBjfnE7Ocil88J7yRmQkAnNd9wc7jwS75K9dcRuJYIWsmsZxUBLPk1rz"
    "6YxYi14CBp3yCyJaoGIDwBLTB1LCzR5VJmmz6RXZJX18Oj1x+x6hf8iiuDEXnGMrHNx10y"
    "lKXB5phZ5joPlC9OjhOeVxYLs4GnynpplsdFUjvgnnlzrHjAxUesquZSE4mwVNsoYDPfsa"
    "gt8/X4SObRVQbgZGqkytHpzLjWBuWE/ClgjqbDGlvSU/bC7ZXWSi1I/eGgJAtOxZGRtNee"
    "i7znIru2KGBaJNTgFkI48AjLaqNITbWDPGVnsN1AwYNi3ttSLCiQah4sxwMpRy3Fgjyl5s"
    "ByHECpUtFpFZM821XVKvgbOKr23/T29ms9Va2oud5O5XO12TBtO5i0Fep8r2HVGXg+Ob8+"
    "PX3J3JfEmFJhQkgbW54wH6TtPAqWg5lPx9SnMD/4RxLF2pBYXQ7PkUflG1vXWAJUe9E1/N"
    "qpbgMz1FIFEoIN5gjwRx4VGt5EpkCjRIGaPIH8hrgNZau3LQ1DITSmuKLrCm6trODWp75j"
    "Tco2xuhO7ZZoLto8tRdWg7Ti7M1qW0bDWl4RR1o7i1ZjHarenR6oH4egNV08UyQ6a7BZ1i"
    "B+VAoIR807iO5asgThiYKWFT2qPlYhRaJPVlA8WeFZksFzN7O//h8zWH8z"
)
