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
        ALTER TABLE "generation" ADD "partial_reasoning" TEXT NOT NULL DEFAULT '';
        ALTER TABLE "generation" ADD "partial_reasoning_ms" INT;
        ALTER TABLE "llm_call_log" ADD "provider" VARCHAR(40) NOT NULL DEFAULT '';
        ALTER TABLE "llm_call_log" ADD "service_tier" VARCHAR(20) NOT NULL DEFAULT '';"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "chat_message" DROP COLUMN "reasoning_ms";
        ALTER TABLE "chat_message" DROP COLUMN "reasoning";
        ALTER TABLE "generation" DROP COLUMN "partial_reasoning";
        ALTER TABLE "generation" DROP COLUMN "partial_reasoning_ms";
        ALTER TABLE "llm_call_log" DROP COLUMN "provider";
        ALTER TABLE "llm_call_log" DROP COLUMN "service_tier";
        DROP TABLE IF EXISTS "round_item";"""


MODELS_STATE = (
    "eJztXVlz27iW/isovXRSpfbE6jjJOFNTpdhK2re9ZGy579LuomgSkjimQDUJWvH07f8+54"
    "CLuJvQZorBixOROCD4AQTOfv7szByT2t5B3zctPmDcfeockz87TJ9R+E/B3S7p6PP58h5e"
    "4Pq9LZrr2E6jccN7j7u6weHWWLc9CpdM6hmuNeeWw5DgilFiTHU2gXsO/P/RogvijMnctR"
    "51DvccxqE74rjituksmO3o5jFZTJ0u/KEM/+oc/z4RnZlk7DozvOHSAxyC6RgwBotNtv60"
    "O3bHhlOg0gEO3aPEpWPfox7hTvhQ7Bcgo/AknbjOoks8hzBqcaAnnmVSYnlwZ+y41Jow8k"
    "CfjgncIwJP4vjcth6xvym9Y7o5s5iF8HLHxfE48ETdNF3qecTiQEznXleMEbtw7v+XGjBu"
    "eNnF1DKmcRN4UftJNLFMAZjPrD98qnFnQnFcANtvv8Nli5n0G/Win/MHbWxR20wtFsvEDs"
    "R1jT/NxbXb27PTz6IlTsa9Zji2P2PL1vMnPnVY3Nz3YRhIg/cmlFF4P2om1g/zbTtcbdGl"
    "YMRwgbs+jYdqLi+YdKz7Nq7Czn+NfWbg4sMp4Qfh8rZM7wCf/P6/w1EmKDTt8mqo3QyGmt"
    "bJrV8cTWaRhZdgKeHkWIwjZn/+FfS7xEZc7eADTn7uX7/66d1rgYbj8YkrbgrkOn8JQlhR"
    "AanAfwm44VKER9N5HvhTuMOtGS0GP02ZmQQzJD2I/rPKZEQXKmYjQm8LeHfg/cwrWNrhcy"
    "vwH55dDG6G/Yuv+LiZ5/1hC/j6wwHe6YmrT5mrr4LpcmBzCza+uBPy97PhzwR/kn9dXQ6y"
    "kxq3G/6rg2PSfe5ozFlo8OkuIYquRjBCy+Wkw37quJrct5ak2eQX97KTvM5HlcWTznTLzk"
    "N6MtXdKkhjsgyqMMzN4Lk8N3fx1cz0b5pN2YRP4Wfv6G0Fwr/2rwXI0CrzLVyGt3rBvRza"
    "OCg5oEOKFmL89k0NiN++KUUYb6UBDk76wv2hHOMU0bZg3un+n0L5XZ2F/K58Hb/LLWM4Xr"
    "yiZTyk33gxxEuK3S3jzguwM8PBP4apkzSC8dVF/x+vU6fp+dXll6h5AvaT86tPGbjvKTLF"
    "ebj/dnN1WQz3kiLL3FgGJ/8mNvDONWAP12xTNo8K3BGKatyzEGeORuwgi7s+5tSVgT0mUK"
    "ivjro1l9m7g9Yt2FQyJ+NRnZPxqPxkPMru2SCMu5oOkBRIS+XwpqlaB3PvqA7O0KqCyRNI"
    "o1Zg/JAQU/HCvW48LHTX1HJ3nJ5T1jZ/a9abZa/oDObEDF8S3yDWVPHpDfW8AJQCRdbydr"
    "dak8WnmpdoWUuVZTsTi6GSRSe4bg7IVaRdufm5/2Pv6B3ew5+G4zxY9AdUDj1QhnofD8QJ"
    "ahbrrDbTrdLsNE0ILdfsiPnTvKkOkyuzW2XpNrNfPQ//HrPy+6VE262s2l4tmq17HPZ3+F"
    "jk5z1Lq2Z+n2YeT3bg5ixjxa++iF6tgH1aAUq+6ij5at/kq7T2cUZn9xQY+zzSnxzHpjor"
    "U0ImCTNg3wPlttCOGMbdMuCfrq7OU3vSp7OssvH24tPg+tWhQB8aWVxcPrscFi1uOTEoQa"
    "JsbgUKgjS4eWQ/B34Qv9Ange8ZjENnRpFONxT2bsNu9hLR5dXl8119EQvjyeUErx74kQjY"
    "+zcn/dNB56+XUbh88s0J5dcURveo8xK1S75Rt0r5ci+aa26m/bMqGHS/mVqTKfU4gRXoWd"
    "AfMWApBroT12cMZoIYOs5D0DsNfXgs7gndyg8eCZ5OfODx7ECrAu0JZaaX185s/YnoVXQG"
    "LS0TtTnRvR+8AzKi3+YWdAks6Ah6pIFnEEmARqxAK7Rw3AfqEtOi5kfCnKB3GBoS6JzYDp"
    "t8Vwoi8ST883bPtEL6zPGLuKtTalgz3S6RV2KirJQSUB2E1Hsoo1SgfDo4Obvon7/qveke"
    "9jKne9Kunj7ll5+UrFSYpmyhPLgn8l+ESaUAqJg5xcwpZq6AmQMxnV9Qz4O7RWxc8nYlA4"
    "cmGG2WaFnLehYSfCQj5qOUOkKWB9mkua0blFhMcDN8ipqpbsBEHXaJDlzXhAFX5cOMu4km"
    "wFi5zgLYG+Oh2Ky25ecVsFO/dYKm4dQHj+3AlGRuGLZFmfDH+r2VHFgbTHTh5OVAP2MlHm"
    "BLggzuFqvjFNM0hqAj9ogfe4dv37/98NO7tx+giRhofOV9BfB5DYvr2AUeXqg4HAByuVMj"
    "rdcKaZvsIdq5vRlcHwuR7471b27OgIu5HB6L/QRfi9+xm3/eDAcXx8R78jid3bHh1dU5fE"
    "ihXk5W9XhYx7f0sNy39DDHHsMwue+tOklL6h1qeccWC0QbmZm6GV4P+hdnl19gKjhsyzMA"
    "/Y59Prvsw3SIHmGuhldfvw5OsYUzn1MTxPTL4eD6+vbrEK/ClFDX9ecc78DlK5h6uOC4K8"
    "1kr85M9spnspczegeRTvmpLHdgTZC0QEu/aw/WwP0XRyQBeYpIgb466NqsYNcqPaizZCsd"
    "1w3zYd30aR3vZXXXckyg1rH0Og68uoxi5V/pMs5QqVWcX8VLOSsHa7nslCJaQ4RqGLabia"
    "ZT3nTli7e9HjUp5UXd7yhFtF2l6p58SBVa1QCsDehVUYc3jDvbT2ifVa+mlpasgnUJeogO"
    "DLKAffwUEn/+5ZrasZG6GPQvcUctAj3tVck5nc25wqkAp21r7MPPuURhv/zYn9HXL7eY59"
    "X1fcyV8khdT0xWXr2euY9eDCOXPo6IYEdDRwZnNrNg2ZhhepTQHQEG5RFv6iw+ktGYwl42"
    "Iq6FeVTunwhfOGRh8SmhujElzgLWR+hoQef2ExDYzkSjc8eYjjD1CTwUL3jww6XimbDpWk"
    "IDHQbMxJp7aCcSvIir6OAddEkWehxDQ0YCuVHkiBE6bxhTxzIAIlz+T5i85Y7hXXgOBuKE"
    "q6ymf8VvScOQcDMPbRTIFf2udP9N0f1zi5cpq0t4nYigBdLvDhxcBVza/dOqquYk/Q4RXz"
    "iu6ckqm/9+dX16c0wE7R27uDodnB8T8X3csaXJYBW1cZ2JKZ+W3KSIMcks+pigdYv+8E09"
    "20qVcSVnXdFdY2o9Svt0J8l26NEdX9lbl27gR6SUwo8ra9FWAvjNtlbyhnVogkcrWLPWpB"
    "TLmKQ1aP5nr/fTT+97b3569+Ho7fv3Rx/exLDmb1Xh++nsC0KcWtF5zGM2V2Y7ThG1bkv+"
    "UGND/lC6HX/IbsZCbpBb1TGJWtWrrepI1pE1dOToWjMBmzN0KLX8d6iWz2oQJKe+gFzN/z"
    "7Nf5P93PffJNM4R/dGaLu7m/N0z3EGa1oXMu7rLQE89cUri1UlVNu0xAwwFfCv1LXGmBoE"
    "RjxE/5tOgVWmpGW3ykIjEg1rjwkijcdUz5trGBEdUJPYFnsIDC0Az9hyZx7RWZQ5/iPxAF"
    "db2DaC5PEiPbwe2ToYXWCkq+gDo0oLImK3+6jvJUS1FUYSlcNsVznMpLOXq7zlknnLox1s"
    "VYtUkn6HujcMVdP8uaxN6ubsy6V2+/WYhPR3DIC5/DI4Dk31q1ijNh+OopQa5dC3V6hVMf"
    "qrnONNmuUIk73VXagYfRWj/2Ix+gnJvEC2TMvt5fLkJN2uVnx+6OMJ/wo5jnkL6hZH1he2"
    "jAqkBW57UwdeFsQ9m2KttPsgnXVUOw3d6jCOXsiFOhH24mNCQfx9IgvX4pjm6A8fN3MRry"
    "/uB23haSBBPVKC0aYUK6zdMT3KgBSmOwKxEqmCJ4vuQNx0+BRe4ICM5rrLLd0edcnIn2se"
    "/WNEXgnXQdd5tEwhm8JFXzwyCOl+HfoaGg9zHnof/kfwwwPa2OUwzCeARdzQ3fC1cEp0RE"
    "k6Cq0dWInBO8BlT8c8UZGYe0D6mK8plqW5xXwYs84DV8NoZAQfAi8GAJNXI1xtE9fxmTl6"
    "TQwA5l4kh/JnUQIqHhfJK8xUIJZ/pP0PPoNwWlVSgsbK3NEM5VAvNZ4mKHZnNj3cFtu7ab"
    "Np9K0VKFOrfLJSdMopS8Ipi+sP1EHHcYklnKJRtv+cW4Xy29yq36bgNFbVC8XEO8QamvrU"
    "lES88z+3g1vMbBFQ37Hr28tLkSIjTHJ5x06uLr6eD0T6C8OZzZFfrkyL8bl/do4Xx8JcAP"
    "T9y5PBubhkIFi2HY7yxdNlCJZV5hOKCVaa1oZFBm9be608SF/AgxSFH01knJVVo2VIN6BH"
    "a9h6b5MaDeVk6vEVtKVpSjXLzZ5lbw5vRyXLvmbI2ndWHfbquIVDqwpeIOcavlSsSEqFaU"
    "IlFsrE6iBqGjDLroxuI0PVGl5hY6JhoOCUQHRJsDswf9wXbVGoOc7DWZ4VK0HSAmF713mx"
    "QvRwv5dYwxkqtSuUrGNtpZyFhcRqba+8tlfMYVhGrrLAFWj5Y7udDPOcpmrBCt9qPGVgDp"
    "VT8ixpWrNH71jLE6hRV3GQSxIq2b/Zsj/u8HJif0TRul3rbR37ztty806+JJByMi2Hvr1O"
    "pmOLWd50pWnPkKrNs8mbZ+CaJulnmiJSnqYZB46Gp4LdP0QLHPGkPKLTpCqqe08T7TbRRb"
    "pGnt2ylbwhhNsXz53FuOAbfh7p4IhqIsZNXMapA331LAVYV3fNsPvz84sT6OXcmewtX1id"
    "oAAx0jj9tm6m6BAo1EO3FCmL0yKNrwxI12j/PIN+WrQ9pplNx7G1DXx2Q+gHl1ObcNpmDF"
    "JimyqIQUpvYuUxSLY9E5On2WHLWlFIwqgfZAFPBr8cEIwtwgKcjs8xxsaLK6x3RWu4THSC"
    "Qy2OWdpAvyLNOfVArMf1MzoOUoxjOgOPwAFDg+zn1CQYedPFBBgGXdZ7d0WolIl136mZ6N"
    "rHwxfTkTsuPyAjH4hcDjMN/VucWN4d89kDw6CfxVTE76TGL7qNngHkWJw+KHTKyO3N6Ucx"
    "tWRG4QwkYT9dwjDUivwfdZ3o9QEbD5Omi3gl6OmOeVMMVNKhR5xCyxwBHFPLmGIK9Cgje5"
    "QqfRlt9gOWsi8POlo2DE/jwF0mG3CUypOe0LOpFOmNiUQKV4UM6gkSVVapwP9Jwvxb5mWm"
    "Yrqa5CvZoJw0W/GUjFyIZZFOUrXORLUVpHHrlItQWVLsEGE82PbVECjOY033Hooy9D8TTL"
    "cka2G+pa0E1amgxe3iG4kHMhAnaVqH8uY3DJBQHi0DJBxLDuYsXeug7tWBulcOdS8PtTGl"
    "M10TP2WQTpO1DujNh2pabO7zFXI6ZukU1M9CjZHhfkm+wZLlHFO0kMvY/KahSpjv0J092A"
    "ACXaiEHiNL1hpH4M05r+sGOptJI5ujU9AWQquJBGEr4psjViBnQXZ8vtLOkKNT0OY1nVHs"
    "jzS6RaQK4FyyKofrtjy4WTIFbD7vmlfkd00Na6bbJfttSJL1tw5oDkLaVtmPTgcnZxf9c2"
    "Btu2E2o2UIfVJjkWF7I/t0HuDK7AUpOpW8QCJ5QWyxl0Q8RacQl0A8TGopsyknSZTRNAuo"
    "6YdeGVJByBkqdc7laudarsc1+kgZl0M2T6gCu1XVSxW7h13kfMjq+h/lCJUXUkEk0kvUZG"
    "gNmhWBR+mM/GuGbUiV72smus9GbeQ+11TkBoyCXN6en+cjkDYAb83CF3sKbFnhiyWk5dEw"
    "Ul7nCU1KGMdR7MJ/xejQgT/fa1jIat75AoRy9/wIoxr++dHsPO+gj87i2BpdxfXQ5fyW2d"
    "ZD4Oc+tiY+bIjdVLEPEqww9KsP3O8j/3rioCs7Mip5j/1tPmiNIpMv5vW8gsN5Iw/ILil3"
    "KRfGwDy0f7u5uqywHhYx8JbByb+JbXn7u0sUYYtIVFtus0bazCRgB1nLbWBoycNebidfUi"
    "hDubShfE+kl33ZTfZCeNkPMCtkl6ax1U0MMn+2nFzxLtA8YbCJ4FbLgitV7EszdflpiISS"
    "mpMgFdnfSG7u2UlIcLI14F8rAPmr7nkLxzWvqUf5EC3pnQJJp6BVt0rgmYftNRcJAgt9Pb"
    "knW/U+iIFldEGiPtP17p+pdd8VgcCi0VjIJpZHdNOEYXl5UWjHz15DOlJBuFvhccolJrGC"
    "V3DXztJtho9vULjj5t21xScog3FM0EZn7aM6+EKrcnftoxzCyppXjn57rXmq3PsqZ0aTZj"
    "nCZE/KvTeB1d6EdL6arFMsyUvKOqvWhW8C9BsuC7+WlHNNDaxr+3QCPzsF8k3qfqVk44Yt"
    "4fXCps+KNNd0busGlhknSAQSgQGtUCRABDyymDpBLXU0scCTD8g1CA7ODGuuC8vKzc/9H4"
    "F/BAmDmlhgnXi6zfPiyxafU17XPMwcBM+LuFxV07ypQkxyliT46wxZC7nszQsxzTmFG6F2"
    "3GcleTMR3fDpurrriexJHGfSLDqGk2k2K85gUY3QitrVSnaIreHg04PTT3RK5j7HXISYwE"
    "8nUbWBIEVfl9Bv0Cfq94SXgwEDFeek6MKG1eJGufwMnRGPMhObIUbFSRF3+HyRPBGfJ7IT"
    "wt3AjBwMwRmLAVyHSbg80v96dgyPD/Mid+G/c4saFBvGsWtEKEKXZ6Fu2x/JiPmze+oGKR"
    "C5d8cE94Evw6NEhwdkJN50FKUvxPmOhhBgIN5n4TocITpGpsMRmReD9IgMx2AK5iQejHTO"
    "Q/E541AVa9JY1mQP0vLtkbt+uNzrw7kkUHgW4LkPObR2xixvJYtWdJjXdkgL26/lj9Y0nH"
    "ftkNYID6k9moR9DEloKLwv4YeyOSHmhsL4zc/AoDtup0COSd2vFGU80VIbL5vW8gzXfeB6"
    "GbcMnSNrPp8HfLQ3dRbe0iPBdibAjaP6psDZYbVuULZASpGz3AS5w3Appk4nJnWtR7gydp"
    "0ZuRmcXMM6+WXwT+ECMWKoihyF8gsl4u2JbiOP79JHCu+JjD8+4YD0w+dh8lq0OhH9jsXq"
    "TMy6zsaWOxM2SCFWeJSDLGLrHtc8TudLUSNwx0CLFMEbqP70aKAZXejCXd0MPDQsfDonum"
    "HQOeaU1yewLtf10GiOAqgJtoANSwtiPcnwYzFBC/mxzSsvk9+YtIdAhlZVbWyysTjeNvPT"
    "XFVPOkXWmmQEOygprWzLjdR+r8UMxiWPChjBZDmkciYwLr5UX50t6tyIiD0kJvdPS5VqyN"
    "RwL9T7FuujZTuop3CNHJeVorWprNMeKFr3JZVPaYhqda2InZfj2J1mcBsFOWRTke8+B/ke"
    "c/q6O/FnlBXl9yqPSk0RqcBU6cBUFQe8U7iDEAxRMFDi3MtQqaRg+fMPs+SXbM0D5s9yYk"
    "gK35h4hyva9Rk6EEgu7M717eXl2eWXYxLS37FTEMePiekwesc+98/OB6f4PAwcy/Ladbb1"
    "Oodm+ZGZr2Cloju+w+iOyH1ohWnPkCqNXZM1dspmq2y2LwTvfttshbqzQEUXqUHL1XMieq"
    "Keaq5P5tDWYV1imWhYhbGZqFvTie0sqPujgcmzRLxqRRT6an2oaPJm7SzdCiXcS4c4Nyh+"
    "fCsBznH6ianuTWVwzhG2UIvUOzqqhfhRBeJHWcRNy5vb+pN04cAsXQv0G7vwlvQ0OIasxw"
    "KoK+sgpOh2WAch2l72tgwCAAcc3ngsj3dMpspOSOAtzjvtkbqC+5FEPU+ssJfAXrjfaajO"
    "wsSvEirTPGFrXEM2pjMNVqURCEkeFp2Q19eU9aEUN01W3KRmDdOiMVPm4yojV5+YqlWi9N"
    "+RSyKlbIV5z9KqjbTJG+nMYXxqP2n3vjmhssUN88TfYZnDw173bWWVQwk31YQ5mHoejLXg"
    "UIuqT3z+5fm6E32fT2+CnvZwgy3TlKcWMJ7e7qPAYU2wPolVfL3sr62QBTUl1kTrZKrzoe"
    "iorTClmMSyaroykA1QlP410Wuc+7eN8KF35pqASSWnbubJ8TxGoozNZoBqWX2h9DafyBS3"
    "JlrZ/HRt/PoEa7YmTmjMvQhYvFtMZ9OipSVlG08zG4kE7MXQ1i8LVpwIviUQp5wbs4HZ6y"
    "KXjQlvJWacQycV33B9uPBLvkn01xK4VnBaSe1nJQ4s2T2v2plFi6RgP25fw7MlzAbAHQ4t"
    "MHQsSNFlU2bqLhFdkle3w5PXHzHrF/yKMoMRUWOZmPrTARmK1GALjCyzrUfqLSvHcccp8o"
    "XZwVNFvjTD8XicO+CBOQvMeODxj5hVzaY6EmGqtpHP5q5lUFPE63kjEUdX6oCTypEqRqci"
    "4xrrlBPMTw5zVB1W6JKe0xfuL7dWqEHqDwcFUXAyhoy4vbJcZC0X6b1FAtM8oQI358KBJS"
    "zLlSIV2Q6ylK3BdgcJD/JxbytNQY5UzcFqcyD4qJWmIEupZmC1GUCuUtJoFZGsbapqFPw1"
    "DFW9N93DXqWlqhE515spfG42GqZphUkbIc53a2adgeeTy9vz85eMfYmVKSUqhKSy5Rn1QV"
    "LPI6E5mLt0TF0K68P7SEJfGxKJy0EdeRS+sXWFJkC2F5XDr5niNkyGXKhATLDDGAHvyQsT"
    "De8iUqBWoEBFnED2QNyHtNX7FoYh4RqT39FVBrdGZnDrU9cypkUHY3in8kjUl22eOwvLQd"
    "pw9Ga5LqNmLq9wRhq7ijajHSo/nR6pG7mg1d08EyQqarBe1CB+VBIIh81biO5WogThiZwW"
    "JT0qL6uQIFGVFSQrK6zFGax7mP31/4/s+40="
)
