// @ts-check
/** The pack's part of the page. */

import { app } from "../../scripts/app.js";
import { keySettings } from "./page/keys.js";
import { addLabel, followPrompts, refresh } from "./page/label.js";
import { reportLanguage } from "./page/language.js";
import { loadWords } from "./page/words.js";

const words = loadWords();

app.registerExtension({
  name: "ModelStudio.Text2Image",
  settings: keySettings,
  async setup() {
    await words;
    await reportLanguage();
  },
  nodeCreated(node) {
    addLabel(node);
    followPrompts(node);
    words.then(() => refresh(node));
  },
  loadedGraphNode(node) {
    words.then(() => refresh(node));
  },
});
