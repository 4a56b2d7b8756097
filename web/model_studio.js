// @ts-check
/** The pack's part of the page. */

import { app } from "../../scripts/app.js";
import { translateExample } from "./page/examples.js";
import { followForm } from "./page/form.js";
import { keySettings } from "./page/keys.js";
import { addLabel, followNodes, showOutcome } from "./page/label.js";
import { reportLanguage } from "./page/language.js";
import { translateDefinition, translateNode } from "./page/node_words.js";
import { beginLoading, endLoading, followRuns } from "./page/runs.js";
import { addTasksTab } from "./page/tasks.js";
import { loadWords } from "./page/words.js";

app.registerExtension({
  name: "ModelStudio.Text2Image",
  settings: keySettings,
  // Before nodes are registered, which comes before setup.
  async init() {
    await loadWords();
  },
  async setup() {
    addTasksTab();
    followNodes();
    followForm();
    followRuns(showOutcome);
    await reportLanguage();
  },
  beforeRegisterNodeDef: translateDefinition,
  beforeConfigureGraph(workflow) {
    beginLoading(workflow);
    translateExample(workflow);
  },
  afterConfigureGraph: endLoading,
  nodeCreated(node) {
    translateNode(node);
    addLabel(node);
  },
});
