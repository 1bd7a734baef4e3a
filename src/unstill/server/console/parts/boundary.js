/** A screen that fails takes nothing else with it. */

import { t } from "../texts/app.js";
import { Component } from "../vendor/preact.js";
import { html } from "./html.js";

export class Boundary extends Component {
  /** @type {{error: unknown}} */
  state = { error: null };

  /** @param {unknown} error */
  componentDidCatch(error) {
    // biome-ignore lint/suspicious/noConsole: whoever looks for the fault looks there.
    console.error(error);
    this.setState({ error });
  }

  render() {
    if (this.state.error === null) return /** @type {any} */ (this.props).children;
    return html`<div class="card narrow" role="alert">
      <h1 tabindex="-1">${t("broken")}</h1>
      <p><code>${String(this.state.error)}</code></p>
      <button type="button" onClick=${() => this.setState({ error: null })}>${t("brokenAgain")}</button>
    </div>`;
  }
}
