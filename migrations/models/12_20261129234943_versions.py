"""Messages become a tree, while workers of the release before continue beside it.

They insert messages without a parent, so two triggers write for them what this release writes itself. Connections of this
release say so by `chat.versions`. The triggers go with the release after this one.
"""

from tortoise import BaseDBAsyncClient
from tortoise.transactions import in_transaction

RUN_IN_TRANSACTION = False  # so that chats are locked a few at a time. Each step may run again after an interruption.

MOST_MESSAGES = 5_000  # of a batch: locked for about 0.3 s

# $1: the last chat of the batch before.
BATCH = """
SELECT id FROM (
    SELECT id, sum(message_count) OVER (ORDER BY id) AS messages, row_number() OVER (ORDER BY id) AS place
    FROM (SELECT id, message_count FROM chat_thread WHERE id > $1 ORDER BY id LIMIT 500) next
) counted WHERE messages <= $2 OR place = 1 ORDER BY id
"""
LOCK = "SELECT id FROM chat_thread WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"
PARENTS = """
UPDATE chat_message m SET parent_id = found.parent_id
FROM (
    SELECT a.id, CASE WHEN g.continues THEN before.answer_id WHEN g.id IS NOT NULL THEN g.user_message_id
        ELSE lag(a.id) OVER (PARTITION BY a.thread_id ORDER BY a.number) END AS parent_id
    FROM chat_message a LEFT JOIN generation g ON g.answer_id = a.id
    LEFT JOIN generation before ON before.user_message_id = g.user_message_id AND before.attempt = g.attempt - 1
    WHERE a.thread_id = ANY($1::uuid[])
) found
WHERE m.id = found.id AND m.parent_id IS NULL AND found.parent_id IS NOT NULL
"""
HEADS = """
UPDATE chat_thread t SET head_id = (SELECT id FROM chat_message WHERE thread_id = t.id ORDER BY number DESC LIMIT 1)
WHERE t.id = ANY($1::uuid[]) AND t.head_id IS NULL
"""
COLUMNS_AND_TRIGGERS = """
ALTER TABLE "chat_thread" ADD COLUMN IF NOT EXISTS "head_id" UUID;
ALTER TABLE "chat_message" ADD COLUMN IF NOT EXISTS "parent_id" UUID;
CREATE OR REPLACE FUNCTION place_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.parent_id := coalesce(
        (SELECT head_id FROM chat_thread WHERE id = NEW.thread_id),
        (SELECT id FROM chat_message WHERE thread_id = NEW.thread_id AND number < NEW.number ORDER BY number DESC LIMIT 1)
    );
    UPDATE chat_thread SET head_id = NEW.id WHERE id = NEW.thread_id;
    RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION place_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE chat_message SET parent_id = NEW.user_message_id WHERE id = NEW.answer_id;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER "place_message" BEFORE INSERT ON "chat_message" FOR EACH ROW
    WHEN (NEW.parent_id IS NULL AND coalesce(current_setting('chat.versions', true), '') = '')
    EXECUTE FUNCTION place_message();
-- An answer that continues another one has it as its parent already: it was the last message.
CREATE OR REPLACE TRIGGER "place_attempt" AFTER INSERT ON "generation" FOR EACH ROW
    WHEN (NEW.attempt > 1 AND NOT NEW.continues AND coalesce(current_setting('chat.versions', true), '') = '')
    EXECUTE FUNCTION place_attempt();
"""

INDEXES = """
CREATE INDEX IF NOT EXISTS "idx_chat_messag_parent__942d71" ON "chat_message" ("parent_id");
CREATE INDEX IF NOT EXISTS "chat_message_first" ON "chat_message" ("thread_id") WHERE "parent_id" IS NULL;
"""
FOREIGN_KEY = """
ALTER TABLE "chat_message" DROP CONSTRAINT IF EXISTS "fk_chat_mes_chat_mes_fd077bb8";
ALTER TABLE "chat_message" ADD CONSTRAINT "fk_chat_mes_chat_mes_fd077bb8" FOREIGN KEY ("parent_id")
    REFERENCES "chat_message" ("id") ON DELETE CASCADE NOT VALID;
"""


async def upgrade(db: BaseDBAsyncClient) -> str:
    await db.execute_script(COLUMNS_AND_TRIGGERS)
    last = "00000000-0000-0000-0000-000000000000"
    while batch := [row["id"] for row in await db.execute_query_dict(BATCH, [last, MOST_MESSAGES])]:
        async with in_transaction() as transaction:
            await transaction.execute_query(LOCK, [batch])
            await transaction.execute_query(PARENTS, [batch])
            await transaction.execute_query(HEADS, [batch])
        last = batch[-1]
    await db.execute_script(INDEXES)
    await db.execute_script(FOREIGN_KEY)
    return 'ALTER TABLE "chat_message" VALIDATE CONSTRAINT "fk_chat_mes_chat_mes_fd077bb8"'  # does not block writing


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP TRIGGER "place_attempt" ON "generation";
        DROP TRIGGER "place_message" ON "chat_message";
        DROP FUNCTION place_attempt();
        DROP FUNCTION place_message();
        DROP INDEX IF EXISTS "chat_message_first";
        DROP INDEX IF EXISTS "idx_chat_messag_parent__942d71";
        ALTER TABLE "chat_message" DROP CONSTRAINT IF EXISTS "fk_chat_mes_chat_mes_fd077bb8";
        ALTER TABLE "chat_message" DROP COLUMN "parent_id";
        ALTER TABLE "chat_thread" DROP COLUMN "head_id";"""


MODELS_STATE = (
    "eJztXW1z2za2/isYf2k6o/omTpxknTt3Rk6U1FvHzrXl7nbrHYomIYnXFKgSkFTvbv/7PQ"
    "cgKb7KgizJJIuZTmqROAD5AARwXvCcfx9MApf6/LA7nYbB3PYvAuE59OCE/PuA2RP8o6JE"
    "hxzY0+nyPl4Q9p0vReyorMWWhe+4CG1HwO2h7XMKl1zKndCbCi9gKHTJKAmDxQlZjCkjtj"
    "vxmIcyIgg5WdCQEt/mgtCJ7fnUJfZdMBPEdpxgxgQUsD3hsREZBiGJmz/Eht3AgVrg1g7b"
    "mDHvtxm1RDCiYkxDaOnXf8Jlj7n0d8rjn9N7a+hR382g67lYgbxuiYepvHbGxGdZEB//zn"
    "ICfzZhy8LTBzEOWFLaYwKvjiij8CIUqxfhDAFmM9+PuiTGXD3psoh6xJSMS4f2zMduQmn1"
    "AMtrB5Z1cdm3rnt9yzoodGEskUI8uuQEDGGGR+Xy7Uf4CD8cvXrz7s3712/fvIci8jGTK+"
    "/+UE0vgVGCEp6L/sEf8r4tbFVCYrwElVMmLFsUkf0EAAlvQsvhTYnlMHYjucP4jzziMb6r"
    "II8vLDFffgl7AH0Fov2zr73rfvfrN6x+wvlvvgSr2+/hnSN59SF39cXb7/F6AB+1+uiTSs"
    "jfzvo/EvxJ/nF50ZNwBlyMQtnislz/Hwf4TPZMBDBRLCzbTWMSX44v/YGf0PA+1d944c52"
    "7hd26FqFO8FRUFW2eGtyNMlfsZk9kp2EaOJzxvPgzPVEj4nwoXSWXN5dPUNiOYsmBdeaHZ"
    "2xzUZwL4C/5x5dkGBIpqE3hzFIoLMFVEdgasLbbrBgfmC7ONMFHTnd4b+2wH8fiM1cMgyD"
    "Cd4Iafk8ubPWbtkt649BCj7fO5vDjEyHM045EUHUKNYLkFFoycb5ukN4QBj1cHIl3HMp8T"
    "jcgXmYeiNG7ukDzF9Qo8STwJzte3Osb0xvWWaSx+cJoEUYajAaOfEECNMp78hnxCqCu/+j"
    "Djw3vOxi7DnjpAi8qP8gi3juLib9m5uzTxqz/mwGj4Eym8xEj0/+B/89nDEHBx92iTiMhr"
    "fn8kNs+d3/HOx/lvr4Y/fqxWs17aQnFInC6gXBCSnCs8GakJXcz7Kw16UY3s+9hKEdtduQ"
    "VSKCqLBIdFJfGcynQWjpfWtpmW1+cc/byU/5qPJ4yr1xEdKPYztcBWkilkMVHrOBeynYHv"
    "xu+ZSNxBh3rcdvViD8c/dKggylct/CRXTrSN0roI0PpQd0JNFCjN+8XAPiNy8rEcZbWYDV"
    "Sl86P1RjnBHaFcx7nf8zKL9dZyC/rR7HbwvDGJYXXjaM+/T3CiV3KbG/YXzwDNuZfu/v/c"
    "xKGsP44mv3799nVtPzy4svcfEU7B/PL09zcN9R3BQX4f7r9eVFOdxLifzmxnME+Q/xYe+8"
    "BuzRmK3L5LECd4RiNe55iHNLI1aQx90eChrqwJ4IGNQ3R92b6szdqnQLJpXcyni8zsp4XL"
    "0yHufnbFDGQ8sGSEq0pWp4s1Ktg/noeB2codSKTZ5EujZ2LDG+ppwrUEoMWcvbndWWLDG2"
    "eKrkWqYsPxh5DI0sNsFxc0guY+vK9Y/dH46O3+I9/OkEwb1Hv0Pj0D1laPfhoE5Qt9xmtZ"
    "1qjWWnbkpotWVH9p/FxzZ0rs5slZfbznz1vF6VHW/lm2VE26+u2l4rGjpEYX6Hj0W/3/Oy"
    "pueb1PO4ssNuznM2/OrL5M0IaNIIMPrVgdGvmqZfZa2PEzq5o7CxLyJ9GgQ+tVmVETItmA"
    "P7DiR3hXa8YdzvBvz08vI8MyednuWNjTdfT3tXL15J9KGQJ1SoUhSLkxvcempQSsT43EoM"
    "BFlwi8h+VnEQP9EHie8ZPIfNnDKbbqTs3UTVNBLR5dVl+6G9SJTx9HCCV1dxJBL27vXH7q"
    "fewR/PY3A5nbkjKq4oPN3cFhVml2Khzirjy50sboW58o+aYDD8ZuyNxpQLAiOQe1AfcWAo"
    "KttJOGMMAx0dG/tB1U6jGB5PcGlb+Y4T1TqZwR7PV1YVKE8oc3nROrPzFjGq6AxKei5ac+"
    "J73/FDMqC/Tz2oEragA6iRqsggkgKNeMoqtAjCexoS16PuB8ICVTs8GgrYgvgBG/2pDESy"
    "JfznTcOsQvYEI3ZLFBbqeBPbr9BXEqG8lqKkDiPpBuooK1D+1Pt49rV7/uLoZefVUW51T/"
    "vVs6v88pPS1Qqzki3UBxui/1XG2ZrNnNnMmc3cI5s5UNPFV8q5LU8yFLZx6dsrN3DogrEm"
    "qZJrec8igUMStcHJwhNjuYXh8CBkaocYnQ3/ys3TnIboneMfZEy2dHaNgwWL90lTG2UD+b"
    "cYozULdlpj+F+5j21fjeOGrktgrHJ8dbgaVRwJRo9BVPwKNIUx3PAfX8idosdl67F4HOBt"
    "q/1mXFBdwWh2j0HJW2azQAaZY1R71FByAXaSbIZGgQGJDgRlHnoSwyE3ra86sEt1ZQupMm"
    "GwgF2kcy8D2u3ojW7Z2MZwdg57Cx8kVCP4aEy+gzP2fBcKVm09fz1Q9UefiRI/gOGbu+H4"
    "Hh5wgR//bOVutQ3uzKjzCqBXHglbCjx+LKwBm6ftnAxLGQADvyQaDo2sPUCusMJmbYCRbJ"
    "2jaQ9urntXJ1I9htny+voMdnwX/RNig4aNrwWTy/Uv1/3e1xPCH7igk1vWv7w8hw8psmHq"
    "mmlfrROH+6o6DvdVQZWAxxQzvmknLaX3aBEfekypgTo9dd2/6nW/nl18ga4QMC1PAPRb9v"
    "nsogvdIWuEvupffvvW+4QlgumUurcMhnTv6urmWx+vQpfQMJxNBd6By5fQ9XAhCDfqyaN1"
    "evKouiePCgEC6lRYsSurg31TIi3waOw72leFSuMTaUCeETKgbw66NSmZtSoX6rzYRst1ze"
    "J9t71aJ3PZumM5ETDjWHscqwg4p9xQWjmMc1JmFBdH8VLPKsBarTtlhJ6gQtUM2+2cPDSR"
    "h9WDt73RR8o6ovkdZYR2+h01w/6cmfHT1qB1Ac0I7dai35CZaYVJX4G1BaM+GpD7SWXNhP"
    "ZR235maJVb94vzwZbATVnnmzgTPIptZh7U9ZykVt7I9lxE/TSS/PzTFfWT0JP9AF6L0ZwZ"
    "m9EroaPjaVB9SSpq0YefDSsXgk6mwuBUgtOuXZbRklLhsVwuOI84LJfL3OP+yi6619AJKD"
    "ur6FLM3Uev3yCk84yPzQkmEw+GjRvxQ0XxWPBQypv4gQyGFKb8AQk9JJK6eyBiESi/JLWd"
    "MQkWDH14MtKMTv0HEPCDkUWngTMeoGsQGsULfCD9ltIxGXBPupWiE4OJDw/KKfpAvCrpAm"
    "WVZGEnhwjJQCI3iF2IUfSaMw48ByDC4f+A7FW3THpNPYEnEaNRBsJjtSom4rKR2N8p0l7U"
    "DvEYoYDeA4LRkV0eBbOF0oHJAkbhZSNhpbcPbllU8UhqR1B55HKUAEVlOxEDl4uuTw7tOP"
    "7MXfuA5K9px708BhQ/Amhi/zT+xrr4G4UnqhxkFepALNACi9seDiBIuKy7h03dW2n5PSK+"
    "CEKX6zq4/nZ59en6hEjZW/b18lPv/ITI7+OWLd2Um7iq1umY6m4pdIp8Jp1Bnwi0btC/er"
    "meP3eVQ7fg0bVDUBvm2mdu0mJ7PHGTXGnskRvYLmk5ouYbW+43Avjlrkbylu32cgtZMma9"
    "USWWiUhr0PzL0dHr1++OXr5++/74zbt3x+9fJrAWb63C9/TsC0KcGdFFzJNduM50nBFq3Z"
    "T8fo0J+X3ldPw+PxlLtUZvVCciZlRvNqoz6pbG1FyQa00HbG2SHut7MMZb8V/U0yppHKvG"
    "sboZpUvKHqPZ9SXipv+b1P91PtXVkEm0Sce6auHa6GzvXFdhn/VEV5Ked7IpgBv3ZD3cbj"
    "0kvv+Zht4QibDgifsYQXlQ4oKrKNlZ5Y6TtPrWPCVkiUTqcd8cS1Jd+R67T07DDb1wwuUp"
    "OZUn5QPhgKsvHVnqJJ1MhmLHji1GF+hFknUgh0IJ/8Num/qzEDK0wuVkGDv3xdipnavDZO"
    "nQzNIRz2Cb+vfS8nu0ZHLYilqzqa6H7/rsy4V18+2ERPK3DIC5+NI7ieIyNvHtbf9AoTFq"
    "VEPfXqXWMNJsso7XqZdjTBpru2jGiYAmmS7qGFldU0aalGZeoltm9fZqfXKULbcWG00U0A"
    "v/XxKrlFPHlJaM04GqGM1xAC8L6p5PMTPonUreEGcKxRhKpE+ReqFNpPf9JIp/XISeQFK/"
    "32Y4mUviFHlflYXWQIOaU4J8ARTpV26ZHfP9ReR+oFailGpZVofxk2IML3BIBlM7FJ7tDz"
    "rJn1ZypBcvzqYWp78NyAsZPBoGc8+VCitcnOFz3DIVZPm9fKCBcz8VUfzpf6kfHGSToFMv"
    "Ci/FR/aD0fcyLDWQWVkplA48ZNjBFwuRdQepEmPd95B0kbJQvtQtS6htEPP0k5FAkcsgFc"
    "+LAQ7BURjMmDv4njiA1p3kR5xNYg5GkeSJLSWgkd9E7BJQ30bU14ZrpraKeNxDBdQr/dMp"
    "if15pl/tai+87WO/8adWYmFdFfaWkTNxbxpxb8K+pwEeHdAYwhkZE15RiFwxobE7DY2V24"
    "9NjUWJ8B6xhqIz6moifvC/N70bJCxS0rfs6ubiQjIfRTzPt+zj5ddv5z3JauQEk6k8abKK"
    "7ehz9+wcLw6lDwHkuxcfe+fykoNg+X70lM/OgiT3sTqfUCKwUbfWLC5p1yZtE6T7DEG6qB"
    "FZknRd17aWE92Cca1m471NtjVUnikXG5hQs5Kml+vdy3wKb0c1M5/nxNq3Vr06WifyHkqt"
    "2AsUou+XhhVNrTAraNRCneNQiJoFm+VQx7aRk2rNXmFrqqEycGoguhTYH5g/NMVaFNmQi3"
    "BWkx2mRFqgbO+b7jA22vtlZDaVYzgnZWaFinFsbURFWypsxvbGY3tDatoqcUPuWT3e0S14"
    "XzrcV27rysTN5k5jc7f0m+ooL1mpFswwOz0yrNzReka2pUxr1sg9W9mUGXuTqMW0oLG91N"
    "v2giusntkllmjdrPVmHf/am2r3WjEroYn8rYa+vZG/Q495fLxRt+dEzeRZ58lTxQtqBv9m"
    "hEz4b7MIwZuHaEkgpFaYelbUHLVvKN16HePWNdnW08NxSwi375B9HuOSb/hxpNUSVUeM6z"
    "iMMwv6E4jtbd9/IhfC+fnXj1DLeTBq7L5wNWsEYmQJ+vtTudojoNAP0FKkPEHLLO46IF2h"
    "//kM6mnR9JjdbAaBb23hs+tDPTic2oTTLg+GnbG5JyoPhqXudlYdDPOy5dag/V/SfMAEzc"
    "mUBlOfypPjZDY9kYeZosThHo/ZPzokCAnHA122r+7a7CG+eUjQfiFPLY1tPpYk+Ipv/yCH"
    "/n5bxwNsZ0KxkZDF2PMxGzkWQs4SPE82FB3JxU89mUpcnTd2CYPWQjoP7qmrmE6w7omNJ9"
    "K48JDIPyJGmaCVAvCG5g5JfxxwSoKhyh2AmRFQFF6XQpNzCrWqOg7J3+K07PL3d1CZI4kl"
    "8ek8HtP7H5IBntc8XHbwgHD7Ad8kQAmK8dcgYnhWGna8y/CsGJ6V58iisAOWFY9bijuqZO"
    "ewytuekTNudg03O65cRbCrQ/146fFFcypUImPhFkATzUTGQFpwlBsv35/Qy2f4fTZZEurU"
    "y2tGSEiFaKMzSGlJ48qtcy9LjVTTP5aWMYmdV7nFJFJb8CesyeNUS0Qf9SOkh9PmbgR0+D"
    "zRnrk1lNtvykx5XEpMmVl/TLUp0/cn0g5t+VHJtViu5Pmw2Ga45FFCgxzeXJBgJpCuSVFP"
    "4bjoyNJwmdgEH7WcE2sL9cqcqZTDsobDZ3Ci8pWiGYeTBSYClWY/6hIkceogwbKjcpwiCi"
    "SUVFwuoTCQ3FTVM5luNKTTIMSkpDMQCgX0NNQvDYi3bMbuGfJHLcbSGpjll8Jq4zZA3IEZ"
    "TCY09Ri5uf70QXYtmYDqDi+l6ukQhrZX8i8aBvHrAzYc05JK6iuo6ZbxMXJe2VAjdqHnDj"
    "poc3XGmE81Tu8aJ05dspl9Bw1X5i79NUV7Fs0I6uRlnrsqk9U0pUyYhKa1sXpGo0IH9ZSI"
    "yQ9UcpRWw3JRdWDZWC3qdOy+Rrb4nRy6j9kodJFOS7XOML8TpHHq1CM7WkrsEWFc2PaD8v"
    "bPNMj12LL5fZn34xFetqVYC/n8d8LPZvjvdotvrB7oQJyWaR3K258wQEOZew5oOJ4ezHm5"
    "1kF9tA7UR9VQHxWhdsZ0Ylvypw7SWbHWAb39AAuPTWdig1iWvJyB+lGokWR0VpHPpmI4Jx"
    "It3GVsf9KgYRiUTMzVLCmJQAtG776ZUdQEoGyhGnaMvFhrOA22F4RhO3huVhvZgpyBthRa"
    "Syag2BDfgrABOQ9yMBMbzQwFOQNt0dIZ00hpo1smagAu5D0IBFJI6YKbFzPAFlN48LKwI+"
    "p4E9uvmG8jkXy8kZI5jGRb5T/61Pt49rV7DlvbTkSMv4wkTlssctve2D9dBHhlDHdGzsRw"
    "68Rwxx57TcQzcgZxDcSj/Eg6k3JaxDhN84C6sygqQ4vPMidl1rk8rEMv5MKic8qEHrJFQc"
    "MRag4omAMKWEUhhmzd+KOCoIlCKiFVeo6cv61Bc0WweDbj6xMjxrNpZhuJ7qOB44XPNRM9"
    "Dk9BLm7Oz4tkSluAt12h4nlgqxIrLyGtjsjXijpPWVIiSpry6P1LRvsB/PNnZbjZLDpfgl"
    "Adnh9jtEZ8ftw7jwfoY7A4lsZQcTsKOb9hvnev4tyH3mgGE2Ink0w6IsDAuHoVfh/H1yML"
    "iCJLK0bs77KhJ5BrPFvU8wYB57VcIDukOqRcOgOL0P71+vJihfewbAPvOYL8h/geb+4sUY"
    "YtIrHac5t30uY6ASvIe26Vo6UIe7WffClhHOXajvKGaC9NmU0aobw0A8wVukvdttV1POda"
    "tasupSKtszJYR3BX64JrnCQu6i3ZTV2xG2KlZM1O0CIpreVu7tFOSO1k14D/SQeQv9mcL4"
    "LQvaKcij560g9KNJ2SUp1VCs80Km+FKKA89OvpPV1GqGK4UoSH6gwsowsS1/kBj/uOfIoK"
    "R4cESGFoS+XjOyQkXFAulKRkL1Q0hLLQUOomS27EEo7F/bZtqAfrtSx3VmhMhnrQUA8+S7"
    "D2LsgHjTevGv32evMM3dgma0adejnGZGU3P5t2Xq9Vaova+Wa6Trkmr6nrrKnH1xL6p+vx"
    "29NyrqgTzGn48BF+HpToN5n7KzWbMCoJrxcVfVSluaJT33YoR/cKCIFG4EApVAkk15akJf"
    "dhHEoXC7R8SK5AcQgmHcID6Vm5/rH7A+wfQcOgLkc6dG77oqi+7LCdUoqhNHMQtBfvcvMU"
    "Q0aJqYsSk+4ljf11TqyFu+ztKzH1WYVrYXZsspG8nohueXXdPPREdyVOkgKVLcPpjEEr1m"
    "AsZnlxubXIDpUrlaCQinSIE6UqSr4Oob9DHWjPk1ENDjyYXBdVwhUYHWHM3efYjHAqk5sQ"
    "xKScBHGH7UlyRKx4EOVTybWFy/tVRLLFSffb2Qk0H6Vw68CfU486mG+FJGfTiDR0Ltc62/"
    "c/kAGbTe5oqCgOBb9lcneBbIciJjI8JAPZPYOYnhD7M34EeUe9zyIMBKaQOcFNRSCZFRX9"
    "IcNnUGlikofR5jSUnys+qtl61Hbr0QDavQaF40fDfX04lwIGzxI8m8CRtbfN8E5YsuLFeu"
    "2As6j8k+LN6obzvgPOahEB1aBOaOKRg5rC+xxxJttTUq4pPL/7GTboQXhQoqdk7q9UVbgs"
    "aQ2XRdeK/LZnsOtlwnMwQyLa6tQ+mo+DBV9GHPjBCHbjaJ4pCWbYrBrULVBScpK7oHc4IY"
    "1yK4beHK4Mw2BCrnsfr2Cc/NT7RYY4DBiaGgeR/kKJfHti+7jHD+mcwnvixh9bOCTdqD0k"
    "p0WvErFvWWKuRFZ1NvTCifQxSrWCUwG6iG9zYXFBp0tVQ4VboMeJ4A00b3KqLJ8LlakyTk"
    "KJrYtl5kd7BOMS3nRwTx8s2FyzEU1qjV8zevG/X14pbQfeQaos3jD98pgRU1Xgpjjo4Yl/"
    "wIycobSuJvzz0NqT4z7qY1aqg4dhyzqKHMU6u8BEoIW7wO2bRNNftnbcQU7W5EKqsws6ma"
    "yL3XzqjSqV1IxYaygO/nJ09Pr1u6OXr9++P37z7t3x+5eJtlq8tUptPT37gpprpleLquxy"
    "TSsDn9nhQzn4Wbk8R8qDUNkwW/NNnUYqVPI5wcR1enbRvfql/MjJaYnKdfpLv9c1AQN1dW"
    "k8SQPoB4GPUeZlu//k3sqdv4BSVhzwvp6PQiYvks4CFCZ3D0s7+jKdujL2lzsddCtYz8oe"
    "R6Mb63pdd64NsK43hZ+p8tzx6gQge8+xsj9z8C6yrOjyy++fWL7BipYdjmYTyspI26qPGm"
    "eEzGlj7dPG5nD3XuFW52pkFkiNdS8nZZjeiusfpj6omJp7bDYpqCEZfBPhPY7ocMYwakRz"
    "YB9c3VxcnF18OSGR/C37dHnROyFuwOgt+9w9O+99wvbwNGB+r73OtL7Oolm9ZBbTkpkjO3"
    "/CIztxzNgG3Z4TNQbTOhtMjaPeOOqfCd5mO+qlubPERBebQavNc0ma+zUoCcgUygasQzwX"
    "venwbC7a1mziBwsa/uAgI5o8hLyCWmCzOgxFQL1mls4KI9xzn1uvESnATk6tJ5wiY5uPdX"
    "AuCLbQinR0fLwW4scrED8uJM6D1dCaTbUBz8ttJcV3++F2PT717Qft5Jt5uRaYk/YRkcwt"
    "WPW9eZmffFUukYzcHnOJxLN5Y1OJAHCwoR4O9fFOxEzqFg285fbCmtNQbjY1US8KG+w1sJ"
    "chrhZaD5E8WcNCXRRsTSDU1kzUalQ6SiflmLhF3zxWVYexk9XZTpbpNaQWZK7Ox1Ulbj4x"
    "k+/HuBviAFxK2Qb9npc1E2mdJ9JJwMTYf7DuZu6I6iYILQr/CVOFvjrqvFk7U6g9nYbBfK"
    "P5NCf6TJ9VylQrglAEHqeH2Ny/AkYPYZA9h6m2cR8dfBa+xzYaBTlRM7nWuZ/RQsRYgEln"
    "ddXuvKhRunUMTGzuiU286AVBk6NilQ99CVcRZG0f+lmmsiaC+6gHvTC8tHPBpVwylHOoqE"
    "TrjVO8ff7p8eRu3ZkYX6uaGqiBVeGemQxQvQ/nEocngnUqt7lXy/raCplK3PZEtD6ObdGX"
    "FbUVpowVSUYUPxGyHtraf07VmiTYaCN8y9nwibBteeWoH1J4ruiJGGnlymkqRjKr5naAal"
    "m60+yCmCKufiJaebrsNs5T0sr1RJwwDPGrspbdIPtmi4aWVlRndluWygdVDu36WYrL81K1"
    "BOJMKFaeR+qpyOUprFqJmRBQyYpveH248Eu+TtXXErg2CLfOzGcVodf5OW91GLYVOxRmSf"
    "k1YrIj8jIRCCiBpAeKUdinzLVDIqskL276H7//gCTF8CsmMiZDL+SCuPbDIelLJuMFciL4"
    "3pzyZSJrEQRlUdx7aFXSOzsBFwkp2T0LFkjQxsUHJIH2qY1CyCk2mLFp6DnUlUwTfCAZIC"
    "pDxzMpG+TTGU6H2oaTq/4pYI5+ghVuuce8A83drZU647r9Xgl/g05MSFLeBIHk7enZuUUD"
    "06KgAbforJjORLX5aAVNWl6yNdjumSlN8S9s1AUFUdMHm/WB3Edt1AV5SdMDm/UA7ipLdh"
    "mr4n9ikSdH/dQK/jVifo5edl4drR3082xcvfVUPrfrg95vCqh6IroxX+I6Luddn9pOjCkV"
    "JoS0seUR80HazqNhOZiGdEhDCuODfyBR2DKJ1WXJ2i2Vbyy9whKgW4sh/66nug2doXfqMh"
    "HY43FL/sCjvCj7OHS51pnLFUcu8wtiE7LsNPlEK2UCvvZ7+qCDcUZojzhjBGWTBnJhL6Kz"
    "dBqS51qSPHdp6Dnjsh1IdGfl3sNelnls01EN0pYJXqqNRmvS/UY9UttRtB0zXPU2YE7DOC"
    "py3Rk0JWKIRdZjusCPSgPhqHgL0d3JPgBaFLSMF7U63V5KxGTc08y496SdwVMXsz/+HyEC"
    "wXE="
)
