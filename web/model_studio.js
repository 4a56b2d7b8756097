// @ts-check
/** The pack's part of the page. */

import { app } from "../../scripts/app.js";
import { loadWords } from "./page/words.js";

app.registerExtension({
  name: "ModelStudio.Text2Image",
  async setup() {
    await loadWords();
  },
});
