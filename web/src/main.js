// Starts the page.

import { say } from "./elements.js";
import { Page } from "./page.js";

const page = new Page(new URLSearchParams(window.location.search));
window.review = page; // For tests and for the curious.
page.start().catch((error) => {
  say(error.message);
  throw error;
});
