/**
 * The emoji shortcodes that people and models use, loaded when a text seems to have one; `:unknown:` stays as it is.
 *
 * A shortcode stands alone between spaces: `user:key:1` and `fe80::1:100:2` contain none.
 */

const NAMES = `
  smile 😄 smiley 😃 grin 😁 grinning 😀 laughing 😆 joy 😂 rofl 🤣 slightly_smiling_face 🙂 upside_down_face 🙃 wink 😉
  blush 😊 innocent 😇 heart_eyes 😍 star_struck 🤩 kissing_heart 😘 yum 😋 stuck_out_tongue 😛 zany_face 🤪 hugs 🤗
  thinking 🤔 neutral_face 😐 expressionless 😑 smirk 😏 unamused 😒 roll_eyes 🙄 grimacing 😬 relieved 😌 pensive 😔
  sleepy 😪 sleeping 😴 mask 😷 dizzy_face 😵 exploding_head 🤯 cowboy_hat_face 🤠 partying_face 🥳 sunglasses 😎
  nerd_face 🤓 confused 😕 worried 😟 open_mouth 😮 astonished 😲 flushed 😳 pleading_face 🥺 cry 😢 sob 😭 scream 😱
  sweat_smile 😅 sweat 😓 weary 😩 triumph 😤 rage 😡 angry 😠 skull 💀 poop 💩 ghost 👻 alien 👽 robot 🤖 cat 🐱 dog 🐶
  wave 👋 ok_hand 👌 v ✌️ crossed_fingers 🤞 point_right 👉 point_left 👈 point_up ☝️ point_down 👇 +1 👍 thumbsup 👍
  -1 👎 thumbsdown 👎 fist ✊ clap 👏 raised_hands 🙌 pray 🙏 handshake 🤝 writing_hand ✍️ muscle 💪 eyes 👀 brain 🧠
  heart ❤️ orange_heart 🧡 yellow_heart 💛 green_heart 💚 blue_heart 💙 purple_heart 💜 broken_heart 💔 sparkling_heart 💖
  sparkles ✨ star ⭐ star2 🌟 dizzy 💫 boom 💥 fire 🔥 zap ⚡ rainbow 🌈 sunny ☀️ cloud ☁️ snowflake ❄️ ocean 🌊
  earth_africa 🌍 moon 🌙 seedling 🌱 deciduous_tree 🌳 herb 🌿 four_leaf_clover 🍀 rose 🌹 sunflower 🌻 apple 🍎 lemon 🍋
  pizza 🍕 cookie 🍪 cake 🍰 coffee ☕ tea 🍵 beer 🍺 wine_glass 🍷 tada 🎉 confetti_ball 🎊 balloon 🎈 gift 🎁 trophy 🏆
  medal_sports 🏅 soccer ⚽ dart 🎯 game_die 🎲 art 🎨 musical_note 🎵 guitar 🎸 clapper 🎬 camera 📷 computer 💻
  keyboard ⌨️ floppy_disk 💾 iphone 📱 battery 🔋 electric_plug 🔌 bulb 💡 book 📖 books 📚 bookmark 🔖 memo 📝 pencil2 ✏️
  paperclip 📎 pushpin 📌 clipboard 📋 calendar 📅 chart_with_upwards_trend 📈 chart_with_downwards_trend 📉 bar_chart 📊
  email 📧 package 📦 mag 🔍 lock 🔒 unlock 🔓 key 🔑 hammer 🔨 wrench 🔧 hammer_and_wrench 🛠️ gear ⚙️ link 🔗
  microscope 🔬 telescope 🔭 rocket 🚀 airplane ✈️ car 🚗 bike 🚲 house 🏠 construction 🚧 hourglass ⌛ stopwatch ⏱️ alarm_clock ⏰
  bell 🔔 speech_balloon 💬 thought_balloon 💭 white_check_mark ✅ heavy_check_mark ✔️ x ❌ warning ⚠️ no_entry ⛔
  question ❓ exclamation ❗ information_source ℹ️ bangbang ‼️ 100 💯 recycle ♻️ arrow_right ➡️ arrow_left ⬅️ arrow_up ⬆️
  arrow_down ⬇️ one 1️⃣ two 2️⃣ three 3️⃣ red_circle 🔴 green_circle 🟢 large_blue_circle 🔵 checkered_flag 🏁 bug 🐛 crab 🦀
  snake 🐍 whale 🐳 penguin 🐧 unicorn 🦄 butterfly 🦋 turtle 🐢 owl 🦉 bee 🐝
`;

const words = NAMES.trim().split(/\s+/);

const EMOJI = new Map(words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1]]] : [])));

const CODE = ":[\\w+-]+:";
const FREE = new RegExp(`(?<![^\\s])(?:${CODE})+(?=[.,;!?)\\]}"'…，。！？、）」]*(?:\\s|$))`, "g");

/** `isFirst`, `isLast`: the text begins or ends a line; otherwise it touches other inline content there. */
export function withEmoji(text, { isFirst, isLast }) {
  if (!text.includes(":")) return text;
  return text.replace(FREE, (codes, start) => {
    const touches = (start === 0 && !isFirst) || (!isLast && /^\S*$/.test(text.slice(start)));
    return touches ? codes : codes.replace(new RegExp(CODE, "g"), (code) => EMOJI.get(code.slice(1, -1)) ?? code);
  });
}
