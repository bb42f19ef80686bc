from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE IF NOT EXISTS "password_reset_token" (
    "id" UUID NOT NULL PRIMARY KEY,
    "token_sha256" VARCHAR(64) NOT NULL UNIQUE,
    "email" VARCHAR(254) NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "user_id" UUID NOT NULL UNIQUE REFERENCES "users" ("id") ON DELETE CASCADE
);
COMMENT ON TABLE "password_reset_token" IS 'A mailed link for a new password; single use, only the newest of a user works, and only for this address.';
        CREATE TABLE IF NOT EXISTS "recovery_code" (
    "id" UUID NOT NULL PRIMARY KEY,
    "code_sha256" VARCHAR(64) NOT NULL,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_recovery_co_user_id_57c1c5" UNIQUE ("user_id", "code_sha256")
);
CREATE INDEX IF NOT EXISTS "idx_recovery_co_user_id_c9ef0f" ON "recovery_code" ("user_id");
COMMENT ON TABLE "recovery_code" IS 'Opens the second door once, for whoever lost the app. Random, so its SHA-256 needs no salt.';
        CREATE TABLE IF NOT EXISTS "second_factor" (
    "nonce" VARCHAR(64) NOT NULL,
    "confirmed_at" TIMESTAMPTZ,
    "last_step" BIGINT NOT NULL,
    "user_id" UUID NOT NULL PRIMARY KEY REFERENCES "users" ("id") ON DELETE CASCADE
);
COMMENT ON TABLE "second_factor" IS 'The app that shows a user''s login codes.';
        ALTER TABLE "auth_session" ADD "remembered" BOOL NOT NULL DEFAULT True;
        ALTER TABLE "email_verification_token" ADD "confirms" VARCHAR(10) NOT NULL DEFAULT 'sign_up';
        ALTER TABLE "users" ADD "login_failures" INT NOT NULL DEFAULT 0;
        ALTER TABLE "user_settings" ADD "model" VARCHAR(100) NOT NULL DEFAULT '';
        COMMENT ON COLUMN email_verification_token."confirms" IS 'SIGN_UP: sign_up\nCHANGE: change';"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "auth_session" DROP COLUMN "remembered";
        ALTER TABLE "email_verification_token" DROP COLUMN "confirms";
        ALTER TABLE "users" DROP COLUMN "login_failures";
        ALTER TABLE "user_settings" DROP COLUMN "model";
        DROP TABLE IF EXISTS "second_factor";
        DROP TABLE IF EXISTS "password_reset_token";
        DROP TABLE IF EXISTS "recovery_code";"""


MODELS_STATE = (
    "eJztXVtz27iS/isovSSpUryxxk6yzu5WKbaS8Y4vWUueOeeMpihahCSWKVBDgFa8s/Pftx"
    "skJd5F6GaK4UsqJtEg9TUI9L3/akxtg1r8qO2KSZdybtqscUb+ajB9SuE/abebpKHPZsub"
    "eEHoD5Ycr8NAjYdGPnDh6EMB90a6xSlcMigfOuZMeI9q3DJKZpY+pGQ+oQ4lOnE5dYjJiW"
    "WPx9QgJjsivQklQ9t+NOkrToT9SBkOeGT2nBFJ9fBMTMFJ9+f229bpe2Iz6/kIn2/YQ3gB"
    "k413/yiXmX+6VBP2mAoYCA/8/Q+4bDKDfqc8+HP2qI1MahkRlE0DJ5DXNfE8k9fu7y8vvs"
    "iR+DMetKFtuVO2HD17FhObLYa7rmkcIQ3eG1NGHV1QIwQ7cy3L51JwyXtjuCAcly5e1Vhe"
    "MOhIdy1kXuM/Ri4bIs/IcKKLI39dmAY/wid/+C//LUMUmnZz29O6nZ6mNRJsx7eJsce/NL"
    "QZLhmTCcTsr7+9eZfYyKsNfMD5z+271z+9fyPRsLkYO/KmRK7xtyTUhe6RSvyXgEu+anyi"
    "AweT0J9PdCcd+jhdjAnw4ruBP4BrBwA3pvp3zaJsLCbw5/uTHMB/bd9JzN+fSMxt+LC9r/"
    "7Gv9OStxD6JdRDhyIUmi6SQF/AHWFOaTrYUcoY1IZPehT8Zx3ggwtL5Jeb1D6ghx9o3ML+"
    "4bM8B/re5XWn22tff8PHTTn/05L4tXsdvNOSV59jV1+/j7FpMQn57bL3M8E/yb9ubzrxD2"
    "gxrvevBr4TbOq2Bhugphuh1RlcDVCLcN3SuYBzAD4Wdb7HaWvOHxLnUQKgTJjDNb/6NPp6"
    "BRzSCjBnKkeqN3o7B2kRnjZ2JalED9KT0wIH6clp5kGKt6IHKcqqmg6QpHxS2fBGqSoHc+"
    "u0CM4wKhNoeS+KtEOndPoAsn6KWP7Zti2qs3Swo4QxsB+AcldoBwLjfgXwz7e3V5E96fNl"
    "Lwbz/fXnzt3rY4k+DDKFvHx500tb3GpqUIhkm7pQEu59SuPrqzuoXI4eU7UdRCqJ7Bfboe"
    "aY/UKfJb6X8B46G9IUPH1l796f5iARXV5dPt/R5wtlPLyc4KfDD6beWj1vd8/bF52GBPhB"
    "Hz7OdcfQIkjjHbtlx64sxiZvTVvT+BWdwSZt+L8C39kH/bNrjKm4o/B2T7rIMM8kBzXzjD"
    "QPcrjmxMavNNWgaWQKK4+IiS6IThyXMYCeDHXLgn8YGcLNJnmkM0Hw15ORY0+lsQTBfcWJ"
    "92DignhnwXVCmcGTZprdPKbP+uwSxpgG2nMEWnlgvlf8iAzo95kJYICwOcB7I9uR9ziZT2"
    "xOydx2HqlDDJMawB7bew94Ke69oGWz8Q9lAJJPwn9ODszqo09tN016uqBDc6pbGfrIgiiu"
    "hXhURz71AeogOShfdM4vr9tXr1vvmset2Om9kF7fxQWn5YekqvVFKSuo7x2Ifhdgkqvg1c"
    "JaLazVwlqKsAZquLimnMPdNDEtfDtXQEMXizYNjSzkRfMJPpEBc1ELlcIMikWez8tkUuoR"
    "E7Q8NT2h6bhJxuYThTMd2O2E7oMU5dhzkG2Gj+l+tF0+LEWQ+r3hDfWZ7j2zAcyI3RhaJm"
    "UC//ijkrJXFZxvPvMSoF8ykY75kiCGu+kJZgcmCjTk7vC2dXzy4eTjT+9PPsIQ+aKLKx9y"
    "gE/aThzboukmwQ4glzgvohYrn3Z/hkF1YBv33c7dmVTu+qzd7V6C/HLTOyM65yb+LNFn3X"
    "92e53rM8KfuaDTPuvd3l7Bh+Rb3FSNisfvCtgUj99lmhSPE4IxvKZw+bpMWlLv0X47Mpmn"
    "1Khwqtu767SvL2++AisEbMtTAL3PvlzetIEdckbgVe/227fOBY6wZzNqgFp+0+vc3d1/6+"
    "FVYAl1HHcm8A5cvgXWwwXbWYuTrSKcbGVzspVwZ9vwfmlKZI9+z9i+QiQVsL/nKTKdf/Qi"
    "OkwA5Ovr9j/eRPSYq9ubr8HwEPDnV7ef4zplwPuicC8IarCVwfbiW4bpZpLM8zlGtdYh7Q"
    "s9VT2jl3KpgqwZIdpA5CwZtptIlXVc0Y8dWxBR9op+RxGi3ZqfDuRDyrE/eWBtwQKF1o7e"
    "YrLDhHalISqytFRNUUvQfXTgJVOUhM8+8Zdf7qi1cNelg/51MVGFQI/GlwnQ8GaixikFp1"
    "3bNv3POcO0ufzYV1g2l1vMasNmm8DPfKIOl8xK2iJj99HLO3Do04BIcdR39NrTqQnLxkDz"
    "GRtTHniW4bUIn9hz/okMRhR2swFxTA73H56JmNtkbooJofpwQuw5rBBij9AdTWfWMxBY9l"
    "ijM3s4GfSZzgzvAh8Qrj8TmBN+kGfjtMwnigkGZKIb+Coy+8Azj2KkqzcfmescFWKHGkdk"
    "IIEbBH5q36s9nNjmEBDC1f/cZ+ilxrvcFJip4C+ygo7o38MWdBlv69tzUSj6ozaVlsVUKk"
    "yRZdvLEHUCggoov3uI9JNwaQ/P61rmwvR7RHxuOwZXtc39dnt30T0jkrbPrm8vOldnRH4f"
    "fba0sK5jZSvCmGy2JJgi30ll0S8IKrfoj98VM0Xn2aITxmjdGU7gTFINbg2T7TG0dXHlYG"
    "NbQRxRMKb5o/fn6Xq3q5W8ZROaFNBS1qw5zsRyQVIZNP+91frppw+tdz+9/3h68uHD6cd3"
    "C1iTt/Lw/Xz5FSGOrOgk5gsZV2U7jhBVbkv+WGBD/pi5HX+Mb8ZSaVBb1QuSelWvt6oDXU"
    "fVz5GgqwwDtufnqK3yP6BVPm5BUGR9CnnN/0Pif5kDgg/fI1O6iOBSGLub2wsJTkgGGzoX"
    "YnG+FQE88sXXDqtcqHbpiOlMddP6lTrmCGskwBv3MPymkeKUyRjZzHPQUKTRnkJEmlhQFf"
    "DWIDk1iGWyR8/LAuCMTGfKic4InCiw6/FPhAOqlvRsNAn6TrCIkvRmMDqnXHiOFlmcCZPv"
    "UnIEd/mgHyWPrxIOkrqQ074KOcmdQQXjBUGZg8vX9kYVwRdG5XijkqWy/B1sXW9UmH6Pdj"
    "cOYqjmzlT9Ud3Lrzfa/bcz4tP3GQBz87Vz5nvp1/FEbT9yvzZoZENfXYW2TmRe5xwvE5cD"
    "TA7WblEnMteJzC+WyBzSylP0yqjOnq1LjqPjCiUx++GdBOPzQI9jfE6d9Azk1JEY/4f1Y7"
    "x4vYkNPxYUPIvqXBbuRc0PdYkH+BtD6jDlWOqFOpG+4jNCQfV9JnPHFBQj+bgfGEj+k0xN"
    "fCiMxXQ8+B/G9Q2ahNt95ocT+oVi5hNzOCEWVrDBhGjv4XJGTpgtJvAbjshgpjvC1C2YYe"
    "DONE7/HJDX+Hozx34yDRnxBxdd+XAvAfYNPr3PBsPHmfAjD//N+4MDbSTvOog5BBIHwIAX"
    "H04oDLVhJXq/18Gf9wQKdKDmHpE2FrXxdOmxDe8KKqKORXhonwUv5Rc/ptaIvB7gUhs7ts"
    "uMwRtZl+eBEtgd3CnMKhO+cVqandEt135g9ve+AZ+ndfJ2aRXugEMJ1DO9piGK/flLj3cl"
    "827bX2ozYTI31eKcF4wVoaujsRSisYT+SG0MGFdYwhGa2umfiKeoAzZ3GrApBY51jUIL4j"
    "1iDUNdaigi3vif+849VgDwqPvs7v7mRpYS8AsA9tn57fW3q44sEzC0pzMUlnPLB3xpX17h"
    "xZH0FQB9++a8cyUvDREsy/Lf8sXLCkh5VeUTWhCsxdaSZQTv2nRdh46+QOgoqj2arMGpak"
    "OLkW7BiFay9V4lG5qDSioXa5hKo5Q1l8vNZT6DX0dTraXZp1SMrHpn1XGrSDw4jMqRBRIx"
    "4UvDiqJWGCWs1UKVJB1ETQNh2VGxbcSoKiMrbE019EybCoguCfYH5ttDsRb5NuMknNnVsE"
    "IkFVC2910Py0cP93uFNRyjqneFhNVz4cFQESaiVBVYzTtNLPMcQ2pK75KmMmt2z1qvZ1Za"
    "J1ooTFjrQuXWhXRup5wHeWpQQFG5XeukiL37JNvcnWwiUUfcZUNf3Yi7kclMPlmL7THSev"
    "Ms8+bpxekoBt1FiOqwu5hDu+QlMQ8P0ZTAJKXw0Chpnd56oAVHyxgvWqDeaNZK3hLC1Uts"
    "jWOc8g2vRto7osqIcRmXceRAXz9dW3ZpTDFxKOQfX11dn8MsV/b4YOXC/ExtxEgT9PumFX"
    "N9oNDSXFGksF2MtoUl1YN5EKoKbZE7TWgPfYIpyQbRDzQ72cCyppJ5muWPLJRuIB14Xp3f"
    "cPD9J2wba7sC4+j5orVsUw6Ey0Qn+JbpeQmbTSkLGFMOiiqumsGZ1yYNs5U5gS2TenWNqU"
    "Ewtr5JHuhQh3kW/WyJI3MhDOx5S43Q5C4eKFhr2HbEERm4cAY5AjgMTzBFHxRoTE0gj6C2"
    "MaxPjFH6kdeXEwdPgQmwB6/X842R++7FJ8lU/LsPi1lO0wd0GKZTkP+ljn1EMC1DYsMx69"
    "5mtM/kG/MJJiPoMCVyzzQGTT+Dwi9/vMwieSW792LhY78Kc3ZuwZLIP2Q8r3g8ryBSBzlk"
    "PvoDG8uF/64TEMqSgOCvEhXUQyR1F5WUsAcF12ZWcEmdylGmEKkS1aHYSYBUEDmoinSYqn"
    "KemJ0gjVunWmD6kmKPCOPBdqj+Lnkeazp/TKvIvSKHZklWwRorO8mlqXOVdpyrNJzQqa7J"
    "PxVQjpFVDuvt57SYbOaKNSpfxelqqFdCnde9N2M5v0DH3r3ty60i20Yre9doJTaNusfrHm"
    "NavQ3AMykpaH5xsspECG4vqlUfYhSKMrIJuhraVGg1WUNlTXwTxDXIcZBtV6y1MyToamiT"
    "tiEMAIUnqqObRloDnKjqYQvdUgc3TlYDmyxQw9MCMunQnOpWxn7rk8QDMT2aI5+2Uhb3i8"
    "755XX7CkTbpl/2YZlrGDYKxcTewM2X4m/OS/OM0NVZngpZngu3pyLiEboacQXEs9s1ryoY"
    "tucN+VDcTIbr+7XT6kRnYhqjqs+5RHdB0+FCo0+UCTVkk4RrgVuys67uC7Y/qKub1JOIwi"
    "kasZEgrOM2UlIUXqJydWXQzMlIiNYt3jCeW6nBUTnRXRnOnfhcIyHd8Bbk5v7qKpmasAV4"
    "C5YHP1Bgs8qDLyHNDpNXCtkNWVL8AO/0+OdbRns2/POjxouvF9osQciObQ4wKhDcHHBndX"
    "Tzb1jHe65zwnXTwChd3Q/dvWeW+ehFDI/MsevIaGSv4rcMWg5Ck4mNEcAonJxF6qYTTmGo"
    "sGWl8GQI9B6fu0GjrheLIl0jgLeUx2eTZIfoSldhEtr/7t7e5PgW08R7cyjI/xHL5Ie7h6"
    "Rhi0jk+3XjLtwYE3CCuF/Xc8MkYc/2oi8paje6shv9QHSbQ9lNDkK1OQwwczSbsgndZcxN"
    "XdmSJ30XKJ+qWEZw8zXFtboeRYW6JBsClaUgE5QSgkspza1kQkiSLQD/Rrmd33TO57Zj3F"
    "FORWaj4pRRzTx1aOaP1xwkWL9BsZdKyOicBDNGOwav6BYcaik8kkqLyYPOw6s6Fu/4yXUL"
    "43Idyc0cbaluYVy3MH6RMO6dtDCu/Xw/oJ+vbpe7zplRJi4HmBxIu9wyiNnb0MzX03PStX"
    "hFPWfdvrplgH7LbXU30nDu6BBbAz6fw5+NFN0mcj9Xq3H8kfDz/KGrS9jMsC4M6gkciEEl"
    "MGxQB2xgfFMqBvOJLSuwyGa0OAyefkTuQHmwp9i6Vjpduj+334IMCaoGNbAMDOG6leLY2f"
    "GzslvE+tVZAJRA2q3bw5ZVmQlzSUHOjpFVUNrevjJTntO4FKbHQzaUlxPRQ21e35XH0xc4"
    "OG0n7USO3M89kb2DThsth648kXvewee1UecTe859w90rjg3ZTdjm4Tkp9sGihEGHe1k2zc"
    "Cz2KECa6VNdYN6fde7nfM7WAK/dP4pzYQDhoe0bFXvzS5LyuFvJLqFveEFtSw8jB9s4xnD"
    "NeA5R+RSTirri+Dx3peTYN03NjKdqVTUZf03TsUnMrB0LjQu6GwQlG3zDZeothG8gfIBp3"
    "JyGR4CP80IVXrD6nPYZpkRfQxLblMrZnk2xzLIy1s+5OVSUDneFwT1wV7gYA9/YspWtBht"
    "3QyhzAaVxa6ZZHNem6YIWWVSefbQqam2v5RSMtxI2ltUW06R9MKVmLOlvEXd54I2F+aX2p"
    "U+WSQmD56vVs7tuWbnKGdheKv+RAn+0PRawWvOU6zkbeDmr60lZRWk6uqrW6wQkxHQnV+p"
    "cu/FQPcml+6kHKhqWb/91/M7YLlfd8bulLK0XPnsGO4IUR3GrRzGXUfN7xVuL2hJ9jBQOP"
    "diVHWCffL8w4qTGVtzh7nThFISwXdBvMcV7bgMq1opLuzG3f3NzeXN1zPi0/fZBSjnZ8SQ"
    "DSW+tC+vOhf4PAy1jIvcRbb1bXdhruOhfsB4qLqZ6Y9hvytFDljZvuuKlWQoKbwvkWmzPa"
    "OdNH6mGOwCo2i2sQ4ti7yYoa5NZjDWZk2/rdUDOjcte06dt0OdU4PQtxjenZeyoT5BnXlR"
    "rj2lmWN+e+l0gBLlWuwkGWCRpjXR+UQF5wRhBe1HrdPTQoif5iB+GkfcMPnM0p+V22/E6S"
    "pg2dhDrxOTa3AAmU8pUOdWE43Q7bGaaLC9HGwxUQAOZLvRSB3vBVldvFUBb3neaU/UMeFB"
    "ylWKE8Q19grYy5g/DQ1ZWCpJwViaJKxMiMjWrKXeqhx66hHH0q3qlpqsOWqTTZlNNhGuYf"
    "kAZqh8XFnk9SdWV/ytLd9BaCKlbA2+x2nrjbTMG+nUZmJiPWsPrjGmqi1CksQ/YLOQ41bz"
    "JLdXiEK4asgRTDmHd0051IIarl9+WV29te2KSdeb6QA32CwbeWQB4+ntPEkcNgTrs1zFd8"
    "v5qgqZV5Z1Q7TOJ7royYmqClNESMzqSaUCWQdV6V9Dsy5qZFURPozL3BAwpSJu5Tw5VmMk"
    "i0FvB6iKVemObvOhqgobohWv5VDFr0+KZhvihG7ca0/Eu+f6+HAl9fQC8GtU1Y8VKkyHtn"
    "hx/fSCiRWBOBLWGM/A3hS5ePJ3JTETAibJ+YaLw4Vfcjc0X0XgWiNcJbKfZYSuxPe8/DAW"
    "LdCC3cX4QuUFuDtd1gN9xWUSGcdOC7aXUUaZoTtETk5e3/fO33wiA/mXzM3HKjyyZxkx9G"
    "eZ5m+7wjKfKF92YBC2nV6gYD+PxhIHA+wiuigm4D/Xy4bjXjjOJ7wycNnMMYfUkAl8fBC8"
    "kfBrChQqLSTfsE6TK22cjsefBOZoTcwxL60yIR6uAJdqVGr3OikpcWp90v3xtTMj2Tc2vM"
    "soYJokrMFNRHWwvLbzeYUQ4pSVwXYPtRCSSXBrsSBBWvNgPR7kd7DPY0Flm9jvmQMv2eq+"
    "VPAX8F2pNbovcUufsshvh1KqsJyIlqeR5hqWhYV9JcOqELa/rLAohE0/BVtE+m1Fhlid75"
    "NXRDBQlL2+jKh/45CMVo9q9HVJv3Kq2MAMtYyBBcEeUwX4Mxd0uivbRTxhoFC+QE66QPwQ"
    "lN+sCsQLgjobIysbQyFCJrmL1wXdSlnQrU0dczhJOwz9O7nHoL4cs+r8ywZpy0mc2faLgs"
    "W8fI6UdhVtxyKUfTo9USeIRCu6eYZI6uTBYsmD+FEpIOwPryC6O0kWhCcKmlb1KLstdohk"
    "o8bYZUM7B9ytdcbeSDLY9DD7+/8BZD6yyg=="
)
