/**
 * The parts of ComfyUI's page that the scripts in web/ use, for `tsc` alone: nothing of this runs.
 *
 * Whoever uses one more part adds it here, and only if the oldest ComfyUI that the pack works with has it
 * (the frontend of ComfyUI 0.3.75 is 1.32.9). In JSDoc the types are called Comfy.Node and so on.
 */

declare module "*/scripts/app.js" {
  export const app: Comfy.App;
}

declare module "*/scripts/api.js" {
  export const api: Comfy.Api;
}

declare const LiteGraph: Comfy.LiteGraph;
declare const LGraphBadge: new (options: { text: string; fgColor?: string; bgColor?: string }) => Comfy.Badge;

interface Window {
  app: Comfy.App;
  LiteGraph: Comfy.LiteGraph;
}

declare namespace Comfy {
  interface App {
    registerExtension(extension: Extension): void;
    extensionManager: ExtensionManager;
    canvas: Canvas;
    graph: Graph;
    /** Addresses of the previews of running nodes, by what the page calls a node's locator. */
    nodePreviewImages: Record<string, string[] | undefined>;
    /** Newer pages only, where `graph` may be that of a subgraph. */
    rootGraph?: Graph;
    /** Why the last prompt was refused, by node; null if it was not. */
    lastNodeErrors: Record<string, { errors: { type: string; message: string; details: string }[] }> | null;
    /** Tells of each setting as "<its id>.change"; `detail.value` is the new one. */
    ui: { settings: { addEventListener(event: string, listener: (event: CustomEvent<any>) => void): void } };
    graphToPrompt(): Promise<Prompt>;
    loadGraphData(workflow: object): Promise<void>;
    queuePrompt(number: number, batchCount?: number): Promise<boolean>;
  }

  /** `output`: node id -> what the server runs; `workflow`: what goes into the files of pictures. */
  interface Prompt {
    output: Record<string, { class_type: string; inputs: Record<string, unknown> }>;
    workflow: Record<string, unknown>;
  }

  interface LiteGraph {
    NODE_TITLE_HEIGHT: number;
    /** Null for an unknown type. */
    createNode(type: string, title?: string): Node | null;
  }

  interface Api {
    /** The path begins with "/"; the page's prefix is put before it. */
    fetchApi(path: string, options?: RequestInit): Promise<Response>;
    apiURL(path: string): string;
    /** Throws where the server refuses; the error's `response` is its answer. */
    queuePrompt(number: number, prompt: Prompt): Promise<{ prompt_id: string }>;
    addEventListener(event: string, listener: (event: CustomEvent<any>) => void): void;
    removeEventListener(event: string, listener: (event: CustomEvent<any>) => void): void;
  }

  /** What `registerExtension` takes; each hook is called by the page. */
  interface Extension {
    name: string;
    settings?: Setting[];
    commands?: Command[];
    aboutPageBadges?: { label: string; url: string; icon: string }[];
    init?(app: App): void | Promise<void>;
    setup?(app: App): void | Promise<void>;
    beforeRegisterNodeDef?(nodeType: Function, nodeData: NodeDef, app: App): void | Promise<void>;
    nodeCreated?(node: Node, app: App): void;
    loadedGraphNode?(node: Node, app: App): void;
    beforeConfigureGraph?(workflow: object): void | Promise<void>;
    afterConfigureGraph?(): void | Promise<void>;
  }

  interface ExtensionManager {
    setting: { get(id: string): any; set(id: string, value: unknown): void | Promise<void> };
    toast: { add(message: Toast): void; remove(message: Toast): void };
    command: { execute(id: string): void | Promise<void> };
    dialog: {
      /** Null where it was closed without an answer. */
      confirm(question: {
        title: string;
        message: string;
        type?: "default" | "overwrite" | "delete" | "dirtyClose" | "reinstall";
        itemList?: string[];
        hint?: string;
      }): Promise<boolean | null>;
      prompt(question: { title: string; message: string; defaultValue?: string }): Promise<string | null>;
    };
    workflow: {
      activeWorkflow: Workflow;
      openWorkflows: Workflow[];
      /** Internal to the page's library of stores (Pinia): all stores by name. */
      _p?: { _s: Map<string, any> };
    };
    registerSidebarTab(tab: SidebarTab): void;
    unregisterSidebarTab(id: string): void;
  }

  /** A tab of workflows; the same object as long as the page is open. */
  interface Workflow {
    /** Null before it was loaded. */
    activeState: { id?: string } | null;
  }

  interface Setting {
    id: string;
    name: string;
    /** The name of a kind of field, or what makes one. */
    type: "boolean" | "number" | "slider" | "combo" | "text" | "hidden" | SettingRenderer;
    defaultValue?: unknown;
    category?: string[];
    tooltip?: string;
    attrs?: Record<string, unknown>;
    options?: (string | { text: string; value?: unknown })[];
    sortOrder?: number;
    onChange?(value: any, old?: any): void;
  }

  type SettingRenderer = (
    name: string,
    setter: (value: unknown) => void,
    value: any,
    attrs: Record<string, unknown>,
  ) => HTMLElement;

  interface Command {
    id: string;
    label: string;
    icon?: string;
    function(): void | Promise<void>;
  }

  interface Toast {
    severity?: "success" | "info" | "warn" | "error";
    summary?: string;
    detail?: string;
    /** Milliseconds; without it the message stays. */
    life?: number;
  }

  interface SidebarTab {
    id: string;
    title: string;
    type: "custom";
    icon?: string;
    tooltip?: string;
    label?: string;
    render(container: HTMLElement): void;
    destroy?(): void;
  }

  type Point = [number, number];

  interface Canvas {
    /** The graph on the screen: a subgraph's while the user is inside one. */
    graph: Graph | null;
    canvas: HTMLCanvasElement;
    ds: { offset: Point; scale: number };
    graph_mouse: Point;
    centerOnNode(node: Node): void;
    convertEventToCanvasOffset(event: MouseEvent): Point;
    selectItems(nodes: Node[]): void;
    setDirty(foreground: boolean, background?: boolean): void;
  }

  interface Graph {
    /** Of the workflow; copies have the same. */
    id: string;
    nodes: Node[];
    /** What is saved with the workflow besides; goes into prompts as a part of it. */
    extra: Record<string, any>;
    add(node: Node): Node | null | undefined;
    remove(node: Node): void;
    getNodeById(id: number | string | null | undefined): Node | null;
    setDirtyCanvas(foreground: boolean, background?: boolean): void;
    /** Around what one Undo takes back. */
    beforeChange(): void;
    afterChange(): void;
  }

  interface Node {
    id: number | string;
    type: string;
    comfyClass?: string;
    title: string;
    mode: number;
    pos: Point;
    size: Point;
    properties: Record<string, unknown>;
    graph: Graph | null;
    /** Of a node that stands for a subgraph. */
    subgraph?: Graph;
    inputs: Slot[];
    outputs: Slot[];
    /** Absent on a node that never had one. */
    widgets?: Widget[];
    addWidget(
      type: string,
      name: string,
      value: unknown,
      callback: ((value: any) => void) | null,
      options?: Record<string, unknown>,
    ): Widget;
    addDOMWidget(name: string, type: string, element: HTMLElement, options?: DOMWidgetOptions): Widget;
    connect(slot: number, target: Node, targetSlot: number): unknown;
    removeWidget(widget: Widget): void;
    /** What the classic rendering shows: pictures, and the preview that they were made of. */
    imgs?: HTMLImageElement[];
    preview?: string[];
    isInputConnected(slot: number): boolean;
    getInputNode(slot: number): Node | null;
    /** Not for a node that stands for a subgraph: there it is about its outputs on older pages. */
    getInputLink(slot: number): { origin_id: number | string; origin_slot: number } | null;
    badges: (Badge | (() => Badge))[];
    computeSize(): Point;
    setSize(size: Point): void;
    setDirtyCanvas(foreground: boolean, background?: boolean): void;
    onRemoved?(): void;
    onConfigure?(saved: any): void;
    onConnectionsChange?(...change: any[]): void;
    onExecuted?(output: any): void;
  }

  interface Badge {
    text: string;
  }

  interface Slot {
    name: string;
    type: string | number;
    link?: number | null;
    links?: number[] | null;
    /** 6 (GRID_SHAPE) where an output is a list. */
    shape?: number;
    /** On inputs that stand for a widget. */
    widget?: { name: string };
  }

  interface Widget {
    name: string;
    type: string;
    value: any;
    label?: string;
    hidden?: boolean;
    disabled?: boolean;
    /** Whether the value goes into the workflow; `options.serialize`: into the prompt. */
    serialize?: boolean;
    options: Record<string, any>;
    /** Since the frontend's second Vue rendering. */
    widgetId?: unknown;
    element?: HTMLElement;
    /** Called just before a prompt is made of the graph. */
    beforeQueued?(): void;
    callback?(value: any, ...more: any[]): void;
    computeSize?(width?: number): Point;
    /** How high it may become; absent where that is fixed. */
    computeLayoutSize?: (node: Node) => { minHeight: number; maxHeight?: number; minWidth: number };
    serializeValue?(node: Node, index: number): unknown;
    onRemove?(): void;
  }

  interface DOMWidgetOptions {
    serialize?: boolean;
    hideOnZoom?: boolean;
    margin?: number;
    getValue?(): any;
    setValue?(value: any): void;
    getMinHeight?(): number;
    getMaxHeight?(): number;
    getHeight?(): number | string;
    onDraw?(widget: Widget): void;
    afterResize?(node: Node): void;
  }

  /** A node's part of GET /object_info. */
  interface NodeDef {
    name: string;
    display_name: string;
    category: string;
    input: Record<"required" | "optional" | "hidden", Record<string, unknown> | undefined>;
  }
}
