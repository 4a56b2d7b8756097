// @ts-check
/** The pack's part of the page. */

import { app } from "../../scripts/app.js";
import { addLabel, followPrompts, refresh } from "./page/label.js";
import { loadWords } from "./page/words.js";

const words = loadWords();

app.registerExtension({
  name: "ModelStudio.Text2Image",
  async setup() {
    await words;
  },
  nodeCreated(node) {
    addLabel(node);
    followPrompts(node);
    queueMicrotask(() => refresh(node));
  },
  loadedGraphNode(node) {
    refresh(node);
  },
});
