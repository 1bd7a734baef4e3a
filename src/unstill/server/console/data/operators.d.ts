// What operators are told, for the checker of types alone: docs/admin.md says more.

import type { State } from "./answers.js";
import type { Budget } from "./session.js";

export interface Stalled {
  holds_up: "submits" | "polls";
  code: string;
  message: string;
  since_ms: number;
}

export interface Engine {
  name: string;
  kind: string;
  label: string;
  description: string;
  is_generative: boolean;
  models: string[];
  health: "ok" | "held_up" | "refusing";
  breaker: "closed" | "open" | null;
  tried_again_ms: number | null;
  stalls: Stalled[];
  waiting: number;
  working: number;
  slots: number;
  children: { program: string; alive: number; started: number; died: number }[];
}

export interface Lane {
  lane: string;
  slots: number;
  working: number;
  waiting: number;
  oldest_ms: number | null;
  owners: { owner: string; waiting: number; working: number; oldest_ms: number | null }[];
}

export interface UnderWay {
  state: State;
  engine: string;
  owner: string;
  count: number;
  oldest_ms: number;
}

export interface ActivityStep {
  at_ms: number;
  made: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  wait_ms_p50: number | null;
  render_ms_p50: number | null;
  render_ms_p95: number | null;
}

export interface ErrorCount {
  code: string;
  engine: string;
  count: number;
}

export interface EngineCount {
  engine: string;
  succeeded: number;
  failed: number;
  render_ms_p50: number | null;
}

export interface ActivityTold {
  since_ms: number;
  step_ms: number;
  data: ActivityStep[];
  errors: ErrorCount[];
  engines: EngineCount[];
}

/** A line of `GET /admin/usage`. */
export interface Line {
  owner?: string;
  engine?: string;
  day?: string;
  settled_price: string;
  reserved_price: string;
  settled_cost: string;
  currency: string;
  jobs: number;
  videos: number;
  billed_seconds: string;
}

export interface JobRow {
  id: string;
  owner: string;
  model: string;
  engine: string;
  state: State;
  created_ms: number;
  progress: number;
  error: string | null;
  waiting: string | null;
  is_held: boolean;
}

export interface Owner {
  owner: string;
  limits: Record<string, number | string | null>;
  jobs_waiting: number;
  jobs_begun: number;
  budgets?: Budget[] | null;
}

export interface Key {
  id: string;
  name: string;
  owner: string;
  scope: "user" | "admin";
  state: "good" | "expired" | "revoked";
  expires_ms: number | null;
  used_ms: number | null;
  models: string[] | null;
  networks: string[];
  limits: Record<string, number | string | null>;
}

/** A new key, which the server tells once. */
export interface NewKey {
  id: string;
  name: string;
  owner: string;
  scope: "user" | "admin";
  key: string;
  /** The tab has no other key that the server takes. */
  isForTab: boolean;
}
